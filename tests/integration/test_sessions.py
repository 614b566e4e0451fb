"""Sessions that are alive: who sees them, who ends them, and how soon their tokens stop to count (R20, R23)."""

from datetime import timedelta
from typing import Any, get_args
from uuid import uuid4

import asyncpg
import httpx
import pytest

from app.auth.actors import Actors
from app.auth.tokens import Verifier
from app.domain.session.model import Origin
from app.kernel.actor import GUEST, Actor, Scope
from app.kernel.clock import utc_now
from app.kernel.errors import Forbidden, Unauthenticated
from app.kernel.ids import SessionId
from tests.fixtures.sessions import (
    PASSWORD,
    START,
    Clock,
    claims_of,
    login,
    name_of,
    problem,
    refresh,
    send,
    service_at,
    watched,
)
from tests.fixtures.world import World, insert

SCOPES: tuple[str, ...] = get_args(Scope.__value__)


def sid(tokens: dict[str, Any]) -> str:
    found: str = claims_of(tokens["access_token"])["sid"]
    return found


async def listed(world: World, tokens: dict[str, Any]) -> list[dict[str, Any]]:
    response = await world.client.get("/auth/sessions", headers=bearer(tokens))
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    found: list[dict[str, Any]] = response.json()["sessions"]
    return found


async def end(world: World, id: str, tokens: dict[str, Any]) -> httpx.Response:
    return await world.client.delete(f"/auth/sessions/{id}", headers=bearer(tokens))


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {tokens['access_token']}"}


async def test_own_sessions_are_listed_the_last_used_first_with_the_current_one_marked(people: World) -> None:
    first, second = await login(people), await login(people)
    await login(people, "admin")
    await refresh(people, first["refresh_token"])
    found = await listed(people, second)
    assert [(session["id"], session["current"]) for session in found] == [(sid(first), False), (sid(second), True)]
    assert found[0].keys() == {
        "id",
        "created_at",
        "last_used_at",
        "expires_at",
        "user_agent",
        "address",
        "current",
    }
    assert found[0]["address"].startswith("fd00:") and found[0]["user_agent"].startswith("python-httpx/")
    assert found[0]["last_used_at"].endswith("Z") and found[0]["last_used_at"] > found[0]["created_at"]


async def test_what_a_client_says_of_itself_is_cut_and_cleaned(people: World) -> None:
    body = {"email": "user@example.com", "password": PASSWORD}
    tokens = (await send(people, "/auth/login", body, **{"user-agent": "\t" + "x" * 2_000})).json()
    [session] = await listed(people, tokens)
    assert len(session["user_agent"]) == 256 and session["user_agent"].endswith("xxx")
    clock = Clock()
    people.wiring._session_ports = service_at(people, clock)._ports
    origin = Origin("\0\n" + "9" * 100, "\0\x1b[31m", None)
    await people.wiring.session_service(GUEST, origin).login("user@example.com", PASSWORD)
    kept = await people.owner.fetchrow("SELECT address, user_agent FROM sessions ORDER BY created_at LIMIT 1")
    assert kept is not None and tuple(kept) == ("9" * 64, "[31m")


@pytest.mark.parametrize("by", ["refresh token", "spent refresh token", "access token"])
async def test_logout_ends_the_session_and_nothing_else(people: World, by: str) -> None:
    events, tokens, other = watched(people), await login(people), await login(people)
    body, token = {"refresh_token": tokens["refresh_token"]}, None
    if by == "spent refresh token":
        await refresh(people, tokens["refresh_token"])
    if by == "access token":
        body, token = {}, tokens["access_token"]
    events.found.clear()
    response = await send(people, "/auth/logout", body, token)
    assert (response.status_code, response.content, response.headers["cache-control"]) == (204, b"", "no-store")
    [event] = events.found
    assert (event.kind, event.facts) == ("SESSION_REVOKED", {"session": sid(tokens), "reason": "logout"})
    assert (event.actor_id, event.subject) == (people.users["user"], people.id_of("user"))
    assert (await name_of(people, tokens["access_token"]))[0] == 401
    assert (await name_of(people, other["access_token"]))[0] == 200
    again = await send(people, "/auth/logout", {"refresh_token": tokens["refresh_token"]})
    assert again.status_code == 204 and len(events.found) == 1


async def test_logout_of_nobody_is_refused_and_an_unknown_token_is_no_failure(people: World) -> None:
    response = await send(people, "/auth/logout", {})
    assert problem(response) == (401, "UNAUTHENTICATED") and response.headers["www-authenticate"] == "Bearer"
    response = await send(people, "/auth/logout", {}, "nonsense")
    assert problem(response) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert (await send(people, "/auth/logout", {"refresh_token": "x" * 43})).status_code == 204
    response = await send(people, "/auth/logout", {}, people.token("user"))  # of no login
    assert problem(response) == (400, "VALIDATION_ERROR")
    assert response.json()["errors"][0]["path"] == ["refresh_token"]


async def test_one_ends_ones_own_sessions_and_an_administrator_anybodys(people: World) -> None:
    events = watched(people)
    users, admins, admins_other = await login(people), await login(people, "admin"), await login(people, "admin")
    before = [tuple(row) for row in await people.owner.fetch("SELECT * FROM sessions ORDER BY id")]
    missing = await end(people, str(uuid4()), users)
    foreign = await end(people, sid(admins_other), users)
    assert problem(missing) == problem(foreign) == (404, "NOT_FOUND")
    assert missing.json() | {"request_id": ""} == foreign.json() | {"request_id": ""}
    assert [tuple(row) for row in await people.owner.fetch("SELECT * FROM sessions ORDER BY id")] == before

    events.found.clear()
    assert (await end(people, sid(admins_other), admins)).status_code == 204
    assert (await end(people, sid(users), admins)).status_code == 204
    assert [event.actor_id for event in events.found] == [people.users["admin"]] * 2
    assert events.found[1].subject == people.id_of("user")
    assert events.found[1].facts == {"session": sid(users), "reason": "revoked"}
    assert problem(await end(people, sid(users), admins)) == (404, "NOT_FOUND")
    assert problem(await end(people, sid(admins), users)) == (401, "UNAUTHENTICATED")
    assert (await end(people, sid(admins), admins)).status_code == 204
    assert await people.owner.fetchval("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == 0


async def test_what_is_no_session_is_not_found(people: World) -> None:
    tokens = await login(people)
    for id in ("x", "0", "%00", "' OR 1=1", "%F0%9F%98%80", "1" * 5_000, "{" + "0" * 32):
        assert problem(await end(people, id, tokens)) == (404, "NOT_FOUND")


async def test_guest_has_no_sessions(people: World) -> None:
    assert problem(await people.client.get("/auth/sessions")) == (401, "UNAUTHENTICATED")
    assert problem(await people.client.delete(f"/auth/sessions/{uuid4()}")) == (401, "UNAUTHENTICATED")


async def test_api_token_neither_sees_nor_ends_sessions_whatever_its_role(people: World) -> None:
    await login(people, "admin")
    id = SessionId(await people.owner.fetchval("SELECT id FROM sessions"))
    narrowed = Actor(people.users["admin"], "ADMIN", scopes=frozenset(SCOPES))
    service = people.wiring.session_service(narrowed, Origin(None, None, None))
    for act in (service.alive(), service.revoke(id)):
        with pytest.raises(Forbidden):
            await act
    assert await people.owner.fetchval("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == 1


async def test_token_of_no_login_sees_the_sessions_and_none_is_current(people: World) -> None:
    await login(people)
    [session] = await listed(people, {"access_token": people.token("user")})
    assert session["current"] is False


REVOCATIONS = {
    "revoked": "UPDATE sessions SET revoked_at = now()",
    "disabled": "UPDATE users SET disabled_at = now()",
    "deleted": "DELETE FROM sessions",
}


@pytest.mark.parametrize("way", REVOCATIONS)
async def test_revocation_counts_once_the_seconds_of_actor_ttl_are_over(people: World, way: str) -> None:
    clock, tokens, user_id = Clock(), people.wiring.tokens, people.users["user"]
    actors = Actors(Verifier(tokens), people.wiring.stores.users.fetch_actor, clock, ttl=15)
    session_id = SessionId(uuid4())
    row = {"id": session_id, "user_id": user_id, "created_at": START, "last_used_at": START}
    await insert(people.owner, "sessions", {**row, "expires_at": START + timedelta(days=1)})
    authorization = f"Bearer {tokens.mint(user_id, START, timedelta(hours=1), session_id)}"
    people.statements.clear()
    assert await actors.of(authorization) == Actor(user_id, "USER", session_id=session_id)
    await people.owner.execute(REVOCATIONS[way])
    clock.pass_(seconds=14.9)
    assert await actors.of(authorization) == Actor(user_id, "USER", session_id=session_id)
    assert people.statements == ["user.role"]  # user and session in one statement, and remembered
    clock.pass_(seconds=0.1)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await actors.of(authorization)
    assert people.statements == ["user.role"] * 3


async def test_token_that_names_anothers_session_is_refused(people: World) -> None:
    others = SessionId(await people.owner.fetchval("SELECT gen_random_uuid()"))
    tokens = await login(people, "admin")
    for session_id in (others, SessionId(await people.owner.fetchval("SELECT id FROM sessions"))):
        token = people.wiring.tokens.mint(people.users["user"], utc_now(), timedelta(hours=1), session_id)
        assert (await name_of(people, token))[0] == 401
    assert await name_of(people, tokens["access_token"]) == (200, "admin")


async def test_disabled_user_has_no_token_left_that_counts(people: World) -> None:
    tokens, minted = await login(people), people.token("user")
    await people.owner.execute("UPDATE users SET disabled_at = now() WHERE id = $1", people.users["user"])
    for token in (tokens["access_token"], minted):
        assert (await name_of(people, token))[0] == 401
    await people.owner.execute("UPDATE users SET disabled_at = NULL")
    assert (await name_of(people, minted))[0] == 200
    assert (await name_of(people, tokens["access_token"]))[0] == 401  # its session has ended for good


async def test_application_can_neither_select_hashes_nor_put_an_unspent_token_beside_another(
    people: World, app_url: str
) -> None:
    await login(people)
    connection = await asyncpg.connect(app_url)
    try:
        for query in (
            "SELECT * FROM users",
            "SELECT password_hash FROM users",
            "SELECT users FROM users",
            "UPDATE users SET name = 'x' RETURNING password_hash",
            "UPDATE users SET role = password_hash",
            "SELECT id FROM users ORDER BY password_hash",
            "COPY users TO STDOUT",
            "UPDATE sessions SET user_id = user_id",
            "UPDATE refresh_tokens SET hash = hash",
            "TRUNCATE sessions CASCADE",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(query)
        with pytest.raises(asyncpg.UniqueViolationError, match="refresh_tokens_one_is_unspent"):
            await connection.execute(
                "INSERT INTO refresh_tokens SELECT sha256('x'), session_id, now() FROM refresh_tokens"
            )
    finally:
        await connection.close()


@pytest.mark.parametrize("seconds", [0.0, 100.0])
async def test_purge_takes_what_is_useless_and_leaves_the_rest(people: World, seconds: float) -> None:
    clock = Clock()
    service = service_at(people, clock)
    first = await service.login("user@example.com", PASSWORD)
    gone = await service.login("user@example.com", PASSWORD)
    await service.logout(gone.refresh_token)
    unused = await service.login("admin@example.com", PASSWORD)
    clock.pass_(days=1)
    second = await service.refresh(first.refresh_token)
    clock.pass_(days=29)
    second = await service.refresh(second.refresh_token)
    purge, now = people.wiring.stores.sessions.purge, clock.now
    # The session that was logged out of goes with its token; the one that nobody used has only just ended.
    assert await purge(now - timedelta(days=1), now - timedelta(days=30), 100) == 1
    assert await rows(people) == (2, 4)
    now += timedelta(days=1, microseconds=1)
    assert await purge(now - timedelta(days=1), now - timedelta(days=30), 100) == 2
    assert await rows(people) == (1, 2)  # of the living one: the token spent two days ago, and the one to spend
    assert await purge(now - timedelta(days=1), now - timedelta(days=30), 100) == 0
    clock.pass_(seconds=seconds)
    await service.refresh(second.refresh_token)
    with pytest.raises(Unauthenticated):
        await service.refresh(unused.refresh_token)


async def test_purge_takes_no_more_than_it_is_told(people: World) -> None:
    service = service_at(people, Clock())
    for _ in range(5):
        await service.logout((await service.login("user@example.com", PASSWORD)).refresh_token)
    purge = people.wiring.stores.sessions.purge
    far = START + timedelta(days=400)
    assert [await purge(far, far, 2) for _ in range(4)] == [2, 2, 1, 0]


async def rows(world: World) -> tuple[int, int]:
    """(sessions, refresh tokens)."""
    found = await world.owner.fetchrow("SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM refresh_tokens)")
    assert found is not None
    return found[0], found[1]
