"""Servers behind a real PgBouncer in transaction mode (R43): nothing fails, nothing leaks, and limits stay exact."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from app.kernel.clock import utc_now
from app.kernel.ids import UserId
from tests.fixtures.embedded import ask
from tests.fixtures.events import assert_told
from tests.fixtures.pgbouncer import PgBouncer, pgbouncer_to
from tests.fixtures.production import PLAIN, Production, Serving
from tests.fixtures.servers import Servers
from tests.fixtures.world import CREATE, add_people

SERVER_CONNECTIONS = 3  # fewer than those of the servers, so that each is handed about
CLIENTS, REQUESTS = 8, 250
LIMIT = 20
STREAM = f"feature-api:events:{uuid4().hex}"
READ = (
    "{ features(first: 20) { totalCount nodes { name owner { name } auditEntries(first: 3) { nodes { action } } } } }"
)


@pytest.fixture(scope="module")
def bouncer(servers: Servers) -> Iterator[PgBouncer]:
    with pgbouncer_to(servers.app_url, SERVER_CONNECTIONS) as made:
        yield made


@pytest.fixture(scope="module", params=["off", "on"], ids=["no wall", "row security"])
def behind(production: Production, bouncer: PgBouncer, request: pytest.FixtureRequest) -> Iterator[list[Serving]]:
    """Two processes, which share those connections."""
    settings = {
        "DATABASE_URL": bouncer.url(production.environment["DATABASE_URL"]),
        "DATABASE_ROLE": "",
        "DATABASE_PREPARE": "false",
        "DATABASE_ROW_SECURITY": request.param,
        "DATABASE_POOL_SIZE": "8",
        "ACTIVE_FEATURE_LIMIT": str(LIMIT),
        "EVENT_STREAM": STREAM,
        "USER_POINTS": "1000000000",
        "USER_REQUESTS": "1000000000",
        "REST_POST_LIMIT": "1000000000",
        "REST_PUT_LIMIT": "1000000000",
        "REST_GET_LIMIT": "1000000000",
    }
    with ExitStack() as started:
        yield [started.enter_context(production.serving(**settings)) for _ in range(2)]


def load(servers: list[Serving], act: Any) -> list[Any]:
    """What so many clients of both got, each on a connection of its own."""

    def work(number: int) -> list[Any]:
        server = servers[number % len(servers)]
        with httpx.Client(base_url=server.url, timeout=60, verify=PLAIN) as client:
            return [act(server, client, number, turn) for turn in range(REQUESTS)]

    with ThreadPoolExecutor(CLIENTS) as threads:
        return [found for each in threads.map(work, range(CLIENTS)) for found in each]


def bearer(production: Production, who: str) -> dict[str, str]:
    return {"authorization": f"Bearer {production.token(who)}"}


def ask_as(server: Serving, client: httpx.Client, who: str, query: str, **variables: object) -> httpx.Response:
    body = {"query": query, "variables": variables}
    return client.post("/graphql", json=body, headers=bearer(server.production, who))


def test_thousands_of_requests_and_none_fails(behind: list[Serving], production: Production) -> None:
    name = uuid4().hex
    with httpx.Client(base_url=behind[0].url, verify=PLAIN) as client:
        made = ask_as(behind[0], client, "admin", CREATE, input={"name": name})
    feature = made.json()["data"]["createFeature"]["feature"]["databaseId"]

    def act(server: Serving, client: httpx.Client, number: int, turn: int) -> tuple[int, bool]:
        who = ("admin", "user", "other")[turn % 3]
        if turn % 5 == 0:
            headers = {**bearer(production, "admin"), "if-match": "*"}
            answer = client.patch(
                f"/api/v2/features/{feature}", json={"description": f"{number} {turn}"}, headers=headers
            )
        elif turn % 5 == 1:
            answer = client.get("/api/v2/features?first=5", headers=bearer(production, who))
        else:
            answer = ask_as(server, client, who, READ)
        return answer.status_code, "errors" in answer.json()

    assert Counter(load(behind, act)) == {(200, False): CLIENTS * REQUESTS}
    written = f"SELECT version FROM features WHERE name = '{name}'"
    assert ask(production.owner_url, written) == 1 + CLIENTS * REQUESTS // 5
    asyncio.run(_assert_sound(production))


def test_limit_is_exact_under_races(behind: list[Serving], production: Production) -> None:
    """Of somebody new, who has none yet."""
    owner = asyncio.run(_somebody(production))
    token = production.tokens.mint(owner, utc_now(), timedelta(hours=1))

    def act(server: Serving, client: httpx.Client, number: int, turn: int) -> str | None:
        if turn >= LIMIT:
            return None
        body = {"query": CREATE, "variables": {"input": {"name": uuid4().hex}}}
        answer = client.post("/graphql", json=body, headers={"authorization": f"Bearer {token}"}).json()
        errors = answer["data"]["createFeature"]["userErrors"]
        return errors[0]["code"] if errors else "made"

    found = Counter(code for code in load(behind, act) if code)
    assert found == {"made": LIMIT, "FEATURE_LIMIT_EXCEEDED": (CLIENTS - 1) * LIMIT}
    assert ask(production.owner_url, f"SELECT count(*) FROM features WHERE owner_id = '{owner}'") == LIMIT
    asyncio.run(_assert_sound(production))


def test_nothing_is_left_on_the_connections_that_others_get(
    behind: list[Serving], bouncer: PgBouncer, production: Production
) -> None:
    load(behind, lambda server, client, number, turn: turn < 30 and ask_as(server, client, "user", READ))
    url = bouncer.url(production.environment["DATABASE_URL"])
    found = asyncio.run(_sessions(url))
    assert len(found) == SERVER_CONNECTIONS
    assert set(found.values()) == {("feature_api_app", "", 0)}


async def _sessions(url: str) -> dict[int, tuple[str, str, int]]:
    """Role, whose rows, and statements kept, by the server's process: all at once, so that each is another's."""
    question = """SELECT pg_backend_pid(), current_user::text,
        coalesce(current_setting('feature_api.visible_to', true), ''), (SELECT count(*) FROM pg_prepared_statements)"""
    connections = [await asyncpg.connect(url, statement_cache_size=0) for _ in range(SERVER_CONNECTIONS)]
    found: dict[int, tuple[str, str, int]] = {}
    try:
        for connection in connections:
            await connection.execute("BEGIN")
            row = await connection.fetchrow(question)
            assert row is not None
            found[row[0]] = (row[1], row[2], row[3])
    finally:
        for connection in connections:
            await connection.close()
    return found


async def _somebody(production: Production) -> UserId:
    connection = await asyncpg.connect(production.owner_url)
    try:
        name = uuid4().hex
        return (await add_people(connection, [(name, "USER")]))[name]
    finally:
        await connection.close()


async def _assert_sound(production: Production) -> None:
    owner = await asyncpg.connect(production.owner_url)
    try:
        await assert_told(owner, production.environment["REDIS_URL"], STREAM)
    finally:
        await owner.close()
