"""Refresh tokens are spent once: who loses a race gets the same answer, who comes later ends the session (R20)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import asyncpg
import pytest
from joserfc.jwk import KeySet

from app.auth.access_tokens import SignedAccessTokens
from app.auth.tokens import Tokens
from app.domain.session.model import Issued
from app.domain.session.service import SessionService
from app.kernel.errors import Unauthenticated
from tests.fixtures.sessions import PASSWORD, Clock, Events, login, name_of, problem, refresh, service_at, watched
from tests.fixtures.waiting import eventually
from tests.fixtures.world import World

WAITING = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"""


async def open_session(world: World) -> tuple[SessionService, Clock, Events, str]:
    """A service with a clock of its own, and the first refresh token."""
    clock, events = Clock(), watched(world)
    service = service_at(world, clock)
    token = (await service.login("user@example.com", PASSWORD)).refresh_token
    events.found.clear()
    return service, clock, events, token


async def alive(world: World) -> int:
    found: int = await world.owner.fetchval("SELECT count(*) FROM sessions WHERE revoked_at IS NULL")
    return found


async def refused(service: SessionService, token: str) -> None:
    with pytest.raises(Unauthenticated) as raised:
        await service.refresh(token)
    assert raised.value.message == "The refresh token is not valid: log in again."


async def test_refresh_spends_the_token_for_another_one_of_the_same_session(people: World) -> None:
    first = await login(people)
    response = await refresh(people, first["refresh_token"])
    second = response.json()
    assert (response.status_code, second.keys()) == (200, first.keys())
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    for tokens in (first, second):
        assert await name_of(people, tokens["access_token"]) == (200, "user")
    assert (await refresh(people, second["refresh_token"])).status_code == 200
    assert await alive(people) == 1


async def test_refresh_is_one_statement(people: World) -> None:
    tokens = await login(people)
    people.statements.clear()
    await refresh(people, tokens["refresh_token"])
    assert people.statements == ["session.rotate"]


async def test_fifty_refreshes_at_once_get_one_and_the_same_token_and_one_row(people: World) -> None:
    first = await login(people)
    answers = await asyncio.gather(*(refresh(people, first["refresh_token"]) for _ in range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    [successor] = {answer.json()["refresh_token"] for answer in answers}
    counts = await people.owner.fetchrow(
        "SELECT count(*) AS all, count(*) FILTER (WHERE used_at IS NULL) AS unspent FROM refresh_tokens"
    )
    assert counts is not None and tuple(counts) == (2, 1)
    assert (await refresh(people, successor)).status_code == 200
    assert await alive(people) == 1


async def test_client_that_lost_the_answer_gets_the_same_one_for_ten_seconds(people: World) -> None:
    service, clock, events, token = await open_session(people)
    lost = await service.refresh(token)
    clock.pass_(seconds=10)
    again = await service.refresh(token)
    assert again.refresh_token == lost.refresh_token and again.refresh_expires_in == lost.refresh_expires_in - 10
    await service.refresh(again.refresh_token)
    assert (events.kinds, await alive(people)) == ([], 1)


@pytest.mark.parametrize("token", ["x" * 101, "x" * 42 + "é"], ids=["long", "not ASCII"])
async def test_what_cannot_be_a_refresh_token_is_refused_without_a_statement(people: World, token: str) -> None:
    assert problem(await refresh(people, token)) == (401, "UNAUTHENTICATED")
    assert people.statements == []
    assert problem(await refresh(people, "x" * 100)) == (401, "UNAUTHENTICATED")
    assert people.statements == ["session.rotate", "session.spent"]


async def test_spent_token_after_ten_seconds_ends_the_session_and_is_told(people: World) -> None:
    service, clock, events, token = await open_session(people)
    second = await service.refresh(token)
    clock.pass_(seconds=10, microseconds=1)
    await refused(service, token)
    [event] = events.found
    session = str(await people.owner.fetchval("SELECT id FROM sessions"))
    assert (event.kind, event.subject, event.facts) == (
        "REFRESH_REUSED",
        people.id_of("user"),
        {"session": session},
    )
    assert await alive(people) == 0
    await refused(service, second.refresh_token)
    assert (await name_of(people, second.access_token))[0] == 401


async def test_any_spent_token_of_the_family_ends_it_however_old(people: World) -> None:
    service, clock, _, token = await open_session(people)
    latest = await service.refresh(token)
    for _ in range(3):
        clock.pass_(minutes=15)
        latest = await service.refresh(latest.refresh_token)
    await refused(service, token)
    await refused(service, latest.refresh_token)


async def test_reuse_ends_that_session_alone(people: World) -> None:
    service, clock, _, token = await open_session(people)
    other = await service.login("user@example.com", PASSWORD)
    await service.refresh(token)
    clock.pass_(seconds=11)
    await refused(service, token)
    await service.refresh(other.refresh_token)
    assert await alive(people) == 1


async def test_reuse_by_many_at_once_is_told_once(people: World) -> None:
    service, clock, events, token = await open_session(people)
    await service.refresh(token)
    clock.pass_(seconds=11)
    answers = await asyncio.gather(*(service.refresh(token) for _ in range(20)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unauthenticated}
    assert events.kinds == ["REFRESH_REUSED"]


async def test_thief_and_owner_cannot_both_go_on(people: World) -> None:
    """Even one who was quick enough for the grace: the first who comes too late with a spent token ends it for both."""
    service, clock, _, token = await open_session(people)
    owners, thiefs = await service.refresh(token), await service.refresh(token)
    assert owners.refresh_token == thiefs.refresh_token
    clock.pass_(minutes=15)
    latest = await service.refresh(thiefs.refresh_token)
    clock.pass_(minutes=1)
    await refused(service, owners.refresh_token)
    await refused(service, latest.refresh_token)


async def test_session_that_is_not_used_for_thirty_days_has_ended(people: World) -> None:
    service, clock, events, token = await open_session(people)
    clock.pass_(days=29, hours=23)
    token = (await service.refresh(token)).refresh_token
    clock.pass_(days=30)
    await refused(service, token)
    assert events.kinds == []


async def test_session_ends_after_ninety_days_however_much_it_is_used(people: World) -> None:
    service, clock, _, token = await open_session(people)
    for _ in range(8):
        clock.pass_(days=10)
        token = (await service.refresh(token)).refresh_token
    clock.pass_(days=9, hours=23)
    token = (await service.refresh(token)).refresh_token
    clock.pass_(hours=1)
    await refused(service, token)


@pytest.mark.parametrize("ended", ["disabled", "password", "logout"])
async def test_ended_session_is_refused_and_no_reuse(people: World, ended: str) -> None:
    service, _, events, token = await open_session(people)
    if ended == "logout":
        await service.logout(token)
        events.found.clear()
    else:
        change = "disabled_at = now()" if ended == "disabled" else "password_version = password_version + 1"
        await people.owner.execute(f"UPDATE users SET {change} WHERE id = $1", people.users["user"])
    await refused(service, token)
    await people.owner.execute("UPDATE users SET disabled_at = NULL")
    await refused(service, token)  # who is enabled again has to log in again
    assert events.kinds == []


@pytest.mark.parametrize("spent", [False, True], ids=["unspent", "spent"])
async def test_disabled_user_whose_session_is_alive_all_the_same_gets_nothing(people: World, spent: bool) -> None:
    """As after a restore, during which no trigger has ended the session."""
    service, _, events, token = await open_session(people)
    if spent:
        await service.refresh(token)
    await people.owner.execute("UPDATE users SET disabled_at = now() WHERE id = $1", people.users["user"])
    assert await alive(people) == 0
    await people.owner.execute("UPDATE sessions SET revoked_at = NULL")
    await refused(service, token)
    assert events.kinds == []


async def test_token_of_nobody_is_refused_and_ends_nothing(people: World) -> None:
    await login(people)
    for token in ("", "x", "a" * 43, "a" * 64, "a" * 101, "a" * 15_000, "é" * 43, "\0", "' OR 1=1 --"):
        assert problem(await refresh(people, token)) == (401, "UNAUTHENTICATED")
    assert await alive(people) == 1


async def test_refresh_and_logout_at_once_leave_no_session_alive(people: World) -> None:
    for _ in range(10):
        service, _, _, token = await open_session(people)
        answers: Sequence[Issued | BaseException | None] = await asyncio.gather(
            service.refresh(token), service.logout(token), service.refresh(token), return_exceptions=True
        )
        assert all(answer is None or isinstance(answer, Issued | Unauthenticated) for answer in answers)
        assert await alive(people) == 0
        for answer in answers:
            if isinstance(answer, Issued):
                await refused(service, answer.refresh_token)


async def test_refresh_that_a_revocation_overtakes_gets_nothing(people: World, owner_url: str) -> None:
    tokens = await login(people)
    watcher = await asyncpg.connect(owner_url)
    held = people.owner.transaction()
    await held.start()
    await people.owner.execute("UPDATE sessions SET revoked_at = now()")
    under_way = asyncio.create_task(refresh(people, tokens["refresh_token"]))

    async def waits() -> bool:
        return bool(await watcher.fetchval(WAITING))

    await eventually(waits)
    await held.commit()
    assert problem(await under_way) == (401, "UNAUTHENTICATED")
    assert await watcher.fetchval("SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL") == 0
    await watcher.close()


async def test_row_alone_does_not_give_the_next_token(people: World) -> None:
    """Who reads the whole database, a moment after a refresh, cannot go on with the session."""
    service, _, _, token = await open_session(people)
    successor = (await service.refresh(token)).refresh_token
    kept = str([tuple(row.values()) for row in await people.owner.fetch("SELECT * FROM refresh_tokens")])
    assert successor not in kept and token not in kept
    hashes = await people.owner.fetch("SELECT hash, nonce FROM refresh_tokens")
    for row in hashes:
        for text in (row["hash"].hex(), (row["nonce"] or b"").hex()):
            await refused(service, text)


async def test_keys_that_cannot_sign_are_unavailable_and_the_refresh_can_be_repeated(people: World) -> None:

    first = await login(people)
    ours = people.wiring._session_ports
    public = Tokens(
        KeySet.import_key_set(people.wiring.tokens.keys.as_dict(private=False)), "feature-api", "feature-api"
    )
    people.wiring._session_ports = replace(ours, tokens=SignedAccessTokens(public))
    response = await refresh(people, first["refresh_token"])
    assert problem(response) == (503, "UNAVAILABLE") and response.headers["retry-after"] == "60"
    people.wiring._session_ports = ours
    assert (await refresh(people, first["refresh_token"])).status_code == 200
