"""Servers behind a real PgBouncer in transaction mode (R43): nothing fails, nothing leaks, and limits stay exact."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from app.kernel.clock import utc_now
from app.kernel.ids import UserId
from tests.fixtures.cluster import Cluster, cluster_of
from tests.fixtures.database import in_database
from tests.fixtures.embedded import ask
from tests.fixtures.events import assert_told
from tests.fixtures.faults import world_with
from tests.fixtures.pgbouncer import PgBouncer, pgbouncer_to
from tests.fixtures.production import PLAIN, Production, Serving
from tests.fixtures.replicated import replicated_database, watched
from tests.fixtures.servers import Servers
from tests.fixtures.world import CREATE, add_people

SERVER_CONNECTIONS = 3  # fewer than those of the servers, so that each is handed about
CLIENTS, REQUESTS = 8, 250
LIMIT = 20
STREAM = f"feature-api:events:{uuid4().hex}"
BY_NAME = "query($q: String!) { features(filter: { search: $q }) { nodes { name } } }"
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


@pytest.mark.parametrize("wall", ["off", "on"], ids=["no wall", "row security"])
async def test_replica_behind_one_of_its_own_is_read_and_nobody_misses_what_they_wrote(
    replicated: tuple[Cluster, PgBouncer, PgBouncer], name: str, servers: Servers, tmp_path: Path, wall: str
) -> None:
    cluster, to_primary, to_replica = replicated
    settings: dict[str, Any] = {
        "database_replica_urls": SecretStr(to_replica.url(in_database(cluster.replicas[0].app_url, name))),
        "database_replica_max_lag": 60,
        "database_role": "",
        "database_prepare": False,
        "database_row_security": wall,
        "active_feature_limit": 1_000,
        "user_points": 10**9,
    }
    url = to_primary.url(in_database(cluster.primary.app_url, name))
    async with (
        world_with(url, in_database(cluster.primary.owner_url, name), servers.redis_url, tmp_path, **settings) as world,
        watched(world) as reading,
    ):
        await reading.usable("replica_1")

        async def write_and_look(_: int) -> None:
            wanted = uuid4().hex
            made = await world.data(CREATE, "user", input={"name": wanted})
            assert made["createFeature"]["userErrors"] == []
            found = await world.data(BY_NAME, "user", q=wanted)
            assert found["features"]["nodes"] == [{"name": wanted}]

        for _ in range(10):
            await asyncio.gather(*map(write_and_look, range(5)))
        await reading.caught_up()
        assert await reading.served("user") == {"replica_1"}
        assert reading.counted["replica_1"] > 0


@pytest.fixture(scope="module")
def replicated() -> Iterator[tuple[Cluster, PgBouncer, PgBouncer]]:
    with (
        cluster_of(1) as cluster,
        pgbouncer_to(in_database(cluster.primary.app_url, "postgres"), SERVER_CONNECTIONS) as to_primary,
        pgbouncer_to(in_database(cluster.replicas[0].app_url, "postgres"), SERVER_CONNECTIONS) as to_replica,
    ):
        yield cluster, to_primary, to_replica


@pytest.fixture
def name(replicated: tuple[Cluster, PgBouncer, PgBouncer]) -> Iterator[str]:
    with replicated_database(replicated[0]) as made:
        yield made
