"""Whatever is sent to /auth, the answer is a clear one of our form, and never a fault of the server's."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from app.auth.passwords import BoundedPasswords
from app.domain.session.model import Verdict
from app.main import create_app
from tests.fixtures.asking import asked_from_nowhere_else
from tests.fixtures.endpoint import world_with
from tests.fixtures.server import free_port
from tests.fixtures.sessions import CHEAP, HASHER, OPEN, PASSWORD, login, problem, refresh, send, set_hash, watched
from tests.fixtures.waiting import eventually
from tests.fixtures.world import World

PATHS = ("/auth/login", "/auth/refresh", "/auth/logout")
GOOD = {"email": "user@example.com", "password": PASSWORD}
DEEP = 7_000

BAD_BODIES = {
    "nothing": b"",
    "null": b"null",
    "list": b"[]",
    "number": b"1",
    "string": b'"x"',
    "no JSON": b"{email: 1}",
    "bad UTF-8": b'{"email": "\xff\xfe", "password": "x"}',
    "surrogate": b'{"email": "\\ud800@example.com", "password": "x"}',
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    "digits": b'{"email": ' + b"9" * 6_000 + b"}",
    "infinite": b'{"email": Infinity}',
    "trailing": b"{} {}",
    "twice": b'{"email": "a@example.com", "email": "user@example.com", "password": "' + PASSWORD.encode() + b'"}',
    "twice inside": b'{"email": {"a": 1, "a": 2}}',
    "form": b"email=user%40example.com&password=x",
    "unknown field": b'{"refresh_token": "x", "email": "a@b", "password": "x", "admin": true}',
    "numbers": b'{"email": 1, "password": 2, "refresh_token": 3}',
    "bools": b'{"email": true, "password": [], "refresh_token": {}}',
}


@pytest.mark.parametrize("path", PATHS)
async def test_bad_body_is_refused_with_a_code_before_any_statement(people: World, path: str) -> None:
    for kind, body in BAD_BODIES.items():
        status, code = problem(await send(people, path, body))
        assert (kind, status) == (kind, 400) and code in ("BAD_REQUEST", "VALIDATION_ERROR")
    assert people.statements == []


FAULTS: list[tuple[str, object, list[tuple[list[str], str]]]] = [
    ("login", {}, [(["email"], "REQUIRED"), (["password"], "REQUIRED")]),
    ("login", {**GOOD, "email": None}, [(["email"], "REQUIRED")]),
    ("login", {**GOOD, "password": 1}, [(["password"], "TYPE")]),
    ("login", {**GOOD, "otp": "1", "x" * 500: 1}, [(["otp"], "FORMAT"), (["x" * 50], "FORMAT")]),
    ("login", {**GOOD, "password": ""}, [(["password"], "MIN_LENGTH")]),
    ("login", {**GOOD, "password": "x" * 257}, [(["password"], "MAX_LENGTH")]),
    ("login", {**GOOD, "email": ""}, [(["email"], "MIN_LENGTH")]),
    ("login", {**GOOD, "email": "user"}, [(["email"], "FORMAT")]),
    ("login", {**GOOD, "email": "a\0b@example.com"}, [(["email"], "FORMAT")]),
    ("login", {**GOOD, "email": "a@" + "b" * 253}, [(["email"], "MAX_LENGTH")]),
    ("login", ["email"], [([], "TYPE")]),
    ("refresh", {}, [(["refresh_token"], "REQUIRED")]),
    ("refresh", {"refresh_token": ["x"]}, [(["refresh_token"], "TYPE")]),
    ("logout", {"refresh_token": 7}, [(["refresh_token"], "TYPE")]),
]


async def test_each_fault_is_told_with_its_path(people: World) -> None:
    for act, body, faults in FAULTS:
        response = await send(people, f"/auth/{act}", body)
        assert problem(response) == (400, "VALIDATION_ERROR")
        found = response.json()["errors"]
        assert [(fault["path"], fault["issue"]) for fault in found] == faults
        assert all(fault["message"] for fault in found)
    assert people.statements == []


async def test_longest_email_and_password_are_taken(people: World) -> None:
    body = {"email": "a@" + "b" * 252, "password": "\u00e9" * 256}
    assert problem(await send(people, "/auth/login", orjson.dumps(body))) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("path", PATHS)
async def test_what_a_form_or_a_foreign_page_could_send_is_refused(people: World, path: str) -> None:
    for media in (
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
    ):
        response = await send(people, path, GOOD, **{"content-type": media})
        assert problem(response) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert people.statements == []


@pytest.mark.parametrize("path", PATHS)
async def test_body_is_bounded(people: World, path: str) -> None:
    response = await send(people, path, b'{"email": "' + b"x" * 16_000 + b'"}')
    assert problem(response) == (413, "PAYLOAD_TOO_LARGE")


METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"}


async def test_other_methods_are_refused_with_those_that_are_taken(people: World) -> None:
    taken = {**dict.fromkeys(PATHS, "POST"), "/auth/sessions": "GET, HEAD", "/auth/sessions/x": "DELETE"}
    for path, allow in taken.items():
        for method in METHODS - set(allow.split(", ")):
            response = await people.client.request(method, path)
            assert (response.status_code, response.headers["allow"]) == (405, allow)
    assert (await people.client.get("/auth/nothing")).status_code == 404


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={name: JSON | st.text(max_size=300) for name in ("email", "password", "refresh_token")}
    | {"email": JSON | st.emails() | st.text(max_size=300)},
)


@given(path=st.sampled_from(PATHS), body=st.binary(max_size=200) | JSON | FIELDS)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_body_is_answered_by_what_is_asked(people: World, path: str, body: object) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = await send(people, path, content)
    if response.status_code != 204:
        status, code = problem(response)
        assert (status, code) in {(400, "BAD_REQUEST"), (400, "VALIDATION_ERROR"), (401, "UNAUTHENTICATED")}


@pytest.fixture
async def limited(world: World) -> AsyncIterator[World]:
    limits = {
        "login_attempts_per_address": 5,
        "login_attempts_per_account_and_address": 3,
        "login_attempts_per_account": 7,
        "refresh_attempts_per_address": 4,
    }
    async with world_with(world, **CHEAP, **limits) as found:
        yield found


async def test_logins_to_one_account_from_one_address_are_limited_also_right_ones_and_unknown_ones(
    limited: World,
) -> None:
    events = watched(limited)
    for email in ("Nobody@example.com", "nobody@example.com", "NOBODY@example.com"):
        assert problem(await send(limited, "/auth/login", {**GOOD, "email": email}))[0] == 401
    response = await send(limited, "/auth/login", {**GOOD, "email": "nobody@example.com"})
    assert problem(response) == (429, "RATE_LIMITED")
    assert 1 <= int(response.headers["retry-after"]) <= 20
    assert "points" not in response.text
    assert events.kinds == ["LOGIN_FAILED"] * 3 + ["LOGIN_LIMITED"]
    assert events.found[-1].facts == {"act": "login", "by": "account and address"}
    another = {**GOOD, "email": "another@example.com"}
    assert problem(await send(limited, "/auth/login", another))[0] == 401


async def test_logins_from_one_address_are_limited_whatever_the_accounts(limited: World) -> None:
    events = watched(limited)
    found = [
        problem(await send(limited, "/auth/login", {**GOOD, "email": f"{number}@example.com"}))[0]
        for number in range(7)
    ]
    assert found == [401] * 5 + [429] * 2
    assert events.found[-1].facts == {"act": "login", "by": "address"}


async def tries(world: World, email: str, times: int = 1) -> list[int]:
    """Statuses of logins from an address where nobody was before."""
    transport = asked_from_nowhere_else(create_app(world.wiring))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        elsewhere = replace(world, client=client)
        return [problem(await send(elsewhere, "/auth/login", {**GOOD, "email": email}))[0] for _ in range(times)]


async def test_flood_from_one_address_does_not_hold_up_the_accounts_user_at_another(limited: World) -> None:
    who = f"flooded-{uuid4()}"
    await set_hash(limited, "user", HASHER.hash(PASSWORD))
    await limited.owner.execute("UPDATE users SET email = $1 WHERE name = 'user'", f"{who}@example.com")
    wrong = {"email": f"{who}@example.com", "password": "wrong " + PASSWORD}
    found = [problem(await send(limited, "/auth/login", wrong))[0] for _ in range(9)]
    assert found == [401] * 3 + [429] * 6
    transport = asked_from_nowhere_else(create_app(limited.wiring))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await login(replace(limited, client=client), who)


async def test_all_addresses_together_have_so_many_tries_at_one_account_and_what_one_is_refused_is_not_counted(
    limited: World,
) -> None:
    events, email = watched(limited), f"{uuid4()}@example.com"
    assert await tries(limited, email, 5) == [401] * 3 + [429] * 2
    assert await tries(limited, email, 3) == [401] * 3
    assert await tries(limited, email, 2) == [401, 429]
    assert events.found[-1].facts == {"act": "login", "by": "account"}
    assert await tries(limited, f"other.{email}") == [401]


async def test_limits_are_exact_when_attempts_come_at_once(limited: World) -> None:
    credentials = {**GOOD, "email": "at-once@example.com"}
    answers = await asyncio.gather(*(send(limited, "/auth/login", credentials) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [401] * 3 + [429] * 17


async def test_refreshes_from_one_address_are_limited(limited: World) -> None:
    assert [problem(await refresh(limited, "x" * 43))[0] for _ in range(6)] == [401] * 4 + [429] * 2
    assert problem(await send(limited, "/auth/logout", {"refresh_token": "x" * 43}))[0] == 429


async def test_body_that_is_refused_costs_no_attempt(limited: World) -> None:
    for _ in range(10):
        assert problem(await send(limited, "/auth/login", {"email": "costs-nothing@example.com"}))[0] == 400
    credentials = {**GOOD, "email": "costs-nothing@example.com"}
    assert problem(await send(limited, "/auth/login", credentials))[0] == 401


async def test_more_logins_than_may_wait_are_turned_away_and_the_loop_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, busy = threading.Event(), threading.Semaphore(0)

    def slow(self: BoundedPasswords, password: str, password_hash: str) -> Verdict:
        busy.release()
        assert gate.wait(20)
        return Verdict(False)

    monkeypatch.setattr(BoundedPasswords, "_verify", slow)
    async with world_with(world, **OPEN, **{**CHEAP, "password_threads": 2, "password_queue": 1}) as full:
        under_way = [asyncio.create_task(send(full, "/auth/login", GOOD)) for _ in range(3)]
        for _ in range(2):
            await asyncio.to_thread(busy.acquire, timeout=20)

        async def third_waits() -> bool:
            return full.wiring.passwords._room == 0

        await eventually(third_waits)
        response = await send(full, "/auth/login", GOOD)
        assert problem(response) == (503, "UNAVAILABLE") and response.headers["retry-after"] == "1"
        assert await full.data("{ viewer { name } }") == {"viewer": {"name": "admin"}}
        gate.set()
        assert [answer.status_code for answer in await asyncio.gather(*under_way)] == [401] * 3
        assert (await send(full, "/auth/login", GOOD)).status_code == 401


async def test_database_that_is_away_is_unavailable_with_when_to_come_back(people: World) -> None:
    tokens = await login(people)
    nowhere = SecretStr(f"postgresql://app:secret@127.0.0.1:{free_port()}/nowhere")
    async with world_with(people, database_url=nowhere) as away:
        bearer = {"authorization": f"Bearer {tokens['access_token']}"}
        for response in (
            await send(away, "/auth/login", GOOD),
            await refresh(away, tokens["refresh_token"]),
            await send(away, "/auth/logout", {"refresh_token": tokens["refresh_token"]}),
            await send(away, "/auth/logout", {}, tokens["access_token"]),
            await away.client.get("/auth/sessions", headers=bearer),
            await away.client.delete("/auth/sessions/x", headers=bearer),
        ):
            assert problem(response) == (503, "UNAVAILABLE")
            assert response.headers["retry-after"] in ("1", "2")  # 2: it is left alone for a while by now
            assert "127.0.0.1" not in response.text and "secret" not in response.text
    assert (await refresh(people, tokens["refresh_token"])).status_code == 200


@pytest.mark.usefixtures("no_wall")
async def test_bug_of_ours_is_masked(people: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*given: object) -> None:
        raise RuntimeError("planted, with a secret")

    monkeypatch.setattr(people.wiring.stores.sessions, "fetch_account", fail)
    response = await send(people, "/auth/login", GOOD)
    assert problem(response) == (500, "INTERNAL_ERROR")
    assert "planted" not in response.text
