"""Who gets in with a password, and what those who do not get in may learn: nothing (R20, R22)."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import bcrypt
import pytest
from argon2 import PasswordHasher

from app.auth.passwords import BoundedPasswords
from app.domain.session.rules import MAX_SESSIONS
from app.domain.session.rules import hash_of as hash_token
from tests.fixtures.sessions import (
    HASHER,
    PASSWORD,
    Clock,
    claims_of,
    hash_of,
    login,
    name_of,
    problem,
    send,
    service_at,
    set_hash,
    watched,
)
from tests.fixtures.world import World

WRONG = "The email or the password is wrong."


async def test_login_gives_tokens_that_say_who_for_how_long_and_through_which_session(people: World) -> None:
    response = await send(people, "/auth/login", {"email": "user@example.com", "password": PASSWORD})
    tokens = response.json()
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    assert response.headers["content-type"] == "application/json"
    assert tokens | {"access_token": "", "refresh_token": ""} == {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 900,
        "refresh_token": "",
        "refresh_expires_in": 2_592_000,
    }
    claims, session_id = claims_of(tokens["access_token"]), await people.owner.fetchval("SELECT id FROM sessions")
    assert (claims["sub"], claims["sid"]) == (str(people.users["user"]), str(session_id))
    assert claims["exp"] - claims["iat"] == 900 and UUID(claims["jti"])
    assert await name_of(people, tokens["access_token"]) == (200, "user")


async def test_two_logins_are_two_sessions_with_nothing_in_common(people: World) -> None:
    one, other = await login(people), await login(people)
    assert one["refresh_token"] != other["refresh_token"]
    mine, yours = claims_of(one["access_token"]), claims_of(other["access_token"])
    assert mine["sid"] != yours["sid"] and mine["jti"] != yours["jti"]


async def test_database_holds_no_token_and_no_password(people: World) -> None:
    tokens = await login(people)
    for table in ("users", "sessions", "refresh_tokens"):
        text = str(await people.owner.fetch(f"SELECT t::text FROM {table} t"))
        for secret in (tokens["refresh_token"], tokens["refresh_token"].encode().hex(), PASSWORD):
            assert secret not in text


@pytest.mark.parametrize("email", ["USER@EXAMPLE.COM", " user@example.com ", "User@Example.com"])
async def test_email_is_taken_in_any_case(people: World, email: str) -> None:
    response = await send(people, "/auth/login", {"email": email, "password": PASSWORD})
    assert response.status_code == 200


async def test_password_is_taken_as_any_keyboard_writes_it(people: World) -> None:
    await set_hash(people, "user", HASHER.hash("é" * 12))
    await login(people, password="e\u0301" * 12)


async def refused_login(world: World, email: str, password: str) -> tuple[object, list[str]]:
    """What the caller learns, but for the request's id, and the statements it took."""
    world.statements.clear()
    response = await send(world, "/auth/login", {"email": email, "password": password})
    assert problem(response) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"] == "Bearer"
    body = response.json()
    assert body["detail"] == WRONG
    body.pop("request_id")
    return body, world.statements[:]


async def test_unknown_disabled_without_password_and_wrong_password_are_one_answer_by_one_way(
    people: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people.owner.execute("UPDATE users SET disabled_at = now() WHERE id = $1", people.users["admin"])
    checked: list[str] = []
    verify = BoundedPasswords._verify

    def watch(self: BoundedPasswords, password: str, password_hash: str) -> object:
        checked.append(password_hash.rsplit("$", 2)[0])  # the kind and the effort, which make the time
        return verify(self, password, password_hash)

    monkeypatch.setattr(BoundedPasswords, "_verify", watch)
    answers = [
        await refused_login(people, "nobody@example.com", PASSWORD),
        await refused_login(people, "user@example.com", PASSWORD + "x"),
        await refused_login(people, "admin@example.com", PASSWORD),
        await refused_login(people, "viewer@example.com", PASSWORD),
    ]
    assert answers == [answers[0]] * 4
    assert answers[0][1] == ["session.account"]
    assert checked == ["$argon2id$v=19$m=8192,t=1,p=1"] * 4
    assert await people.owner.fetchval("SELECT count(*) FROM sessions") == 0


async def test_each_outcome_is_told_to_those_who_watch_and_no_secret_with_it(people: World) -> None:
    events = watched(people)
    await login(people)
    for email in ("user@example.com", "nobody@example.com"):
        await send(people, "/auth/login", {"email": email, "password": "wrong " + PASSWORD})
    assert events.kinds == ["LOGIN_SUCCEEDED", "LOGIN_FAILED", "LOGIN_FAILED"]
    right, wrong, nobody = events.found
    assert right.actor_id == people.users["user"] and right.address and right.request_id
    assert (wrong.subject, nobody.subject) == (people.id_of("user"), None)
    assert right.facts == {"session": str(await people.owner.fetchval("SELECT id FROM sessions"))}
    assert wrong.facts["account"] != nobody.facts["account"]
    assert "@" not in repr(events.found) and PASSWORD not in repr(events.found)


@pytest.mark.parametrize("prefix", [b"2a", b"2b"])
async def test_bcrypt_hash_of_another_system_lets_in_and_is_upgraded(people: World, prefix: bytes) -> None:
    await set_hash(people, "user", bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, prefix)).decode())
    response = await send(people, "/auth/login", {"email": "user@example.com", "password": PASSWORD + "x"})
    assert problem(response) == (401, "UNAUTHENTICATED")
    assert (await hash_of(people, "user") or "").startswith(f"${prefix.decode()}$")
    await login(people)
    assert (await hash_of(people, "user") or "").startswith("$argon2id$v=19$m=8192,t=1,p=1$")
    await login(people)


async def test_argon2_hash_of_less_effort_is_upgraded_and_one_of_the_same_is_left(people: World) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    await set_hash(people, "user", weak.hash(PASSWORD))
    await login(people)
    upgraded = await hash_of(people, "user")
    assert (upgraded or "").startswith("$argon2id$v=19$m=8192,")
    await login(people)
    assert await hash_of(people, "user") == upgraded


@pytest.mark.parametrize("kept", ["", "x", "$argon2id$", "$2b$", "$2b$12$short", "$1$md5$hash"])
async def test_hash_that_is_none_lets_nobody_in(people: World, kept: str) -> None:
    await set_hash(people, "user", kept or None)
    assert (await refused_login(people, "user@example.com", PASSWORD))[1] == ["session.account"]


@pytest.mark.usefixtures("no_wall")
async def test_login_that_a_new_password_overtakes_neither_gets_in_nor_brings_the_old_one_back(
    people: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await set_hash(people, "user", bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode())
    new = HASHER.hash("another password")
    fetch = people.wiring.stores.sessions.fetch_account

    async def overtaken(email: str) -> object:
        account = await fetch(email)
        await people.owner.execute(
            "UPDATE users SET password_hash = $1, password_version = password_version + 1 WHERE id = $2",
            new,
            people.users["user"],
        )
        return account

    monkeypatch.setattr(people.wiring.stores.sessions, "fetch_account", overtaken)
    response = await send(people, "/auth/login", {"email": "user@example.com", "password": PASSWORD})
    assert problem(response) == (401, "UNAUTHENTICATED")
    assert await hash_of(people, "user") == new
    assert await people.owner.fetchval("SELECT count(*) FROM sessions") == 0


@pytest.mark.parametrize("act", ["disabled_at = now()", "password_version = password_version + 1"])
async def test_login_under_way_while_the_user_is_disabled_or_changed_is_ended_with_the_others(
    people: World, owner_url: str, act: str
) -> None:
    """The login holds the user's row; whoever disables waits for it, and then ends its session too."""
    before = await login(people)
    other = await asyncpg.connect(owner_url)
    held = people.owner.transaction()
    await held.start()
    await people.owner.execute("SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE", people.users["user"])
    change = asyncio.create_task(other.execute(f"UPDATE users SET {act} WHERE id = $1", people.users["user"]))
    await people.owner.execute(
        """INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at)
           VALUES (gen_random_uuid(), $1, now(), now(), now() + interval '1 day')""",
        people.users["user"],
    )
    await held.commit()
    await change
    await other.close()
    assert await people.owner.fetchval("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == 0
    assert (await name_of(people, before["access_token"]))[0] == 401


async def test_oldest_session_makes_room_for_one_too_many_also_when_they_come_at_once(people: World) -> None:
    clock = Clock()
    service, store = service_at(people, clock), people.wiring.stores.sessions
    first = await service.login("user@example.com", PASSWORD)
    clock.pass_(seconds=1)
    opened = await asyncio.gather(
        *(
            store.open(service._new_session(people.users["user"]), 0, hash_token(str(number)), MAX_SESSIONS - 1)
            for number in range(MAX_SESSIONS + 20)
        )
    )
    assert all(opened)
    alive = await people.owner.fetchval("SELECT count(*) FROM sessions WHERE revoked_at IS NULL")
    assert alive == MAX_SESSIONS
    assert problem(await send(people, "/auth/refresh", {"refresh_token": first.refresh_token}))[0] == 401


async def test_access_token_never_outlives_its_session(people: World) -> None:
    clock = Clock()
    service = service_at(people, clock)
    tokens = await service.login("user@example.com", PASSWORD)
    assert (tokens.expires_in, tokens.refresh_expires_in) == (900, 2_592_000)
    for _ in range(3):  # 87 days: three more are left
        clock.pass_(days=29)
        tokens = await service.refresh(tokens.refresh_token)
    assert tokens.refresh_expires_in == timedelta(days=3).total_seconds()
    clock.pass_(days=2, hours=23, minutes=55)
    tokens = await service.refresh(tokens.refresh_token)
    assert (tokens.expires_in, tokens.refresh_expires_in) == (300, 300)
