"""Reading from replicas: what is read where, and that nobody misses what they wrote (R43). The servers are real."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.db.connect import PoolSettings
from app.db.database import Database
from app.db.replicas import WRITTEN
from app.db.statement import Statement
from app.kernel.breaker import FAILURES
from app.kernel.clock import utc_now
from app.kernel.errors import Unavailable
from app.kernel.position import encode_position
from tests.fixtures.cluster import Cluster, cluster_of
from tests.fixtures.database import in_database
from tests.fixtures.endpoint import world_with
from tests.fixtures.faults import killed, restarted
from tests.fixtures.replicated import Reading, held_back, reading_world, replicated_database, watched
from tests.fixtures.server import free_port
from tests.fixtures.servers import Servers
from tests.fixtures.waiting import eventually
from tests.fixtures.world import CREATE, World
from tests.integration.test_row_security import forget_in_statements, forget_statements

BOTH = {"replica_1", "replica_2"}
HEADER = "x-read-after"
AHEAD = 1 << 20  # bytes: more than PostgreSQL writes by itself meanwhile


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with cluster_of(2) as made:
        yield made


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a busy machine takes for an answer is no outage."""
    monkeypatch.setattr("app.adapters.positions.PATIENCE", 5.0)
    monkeypatch.setattr("app.db.replicas.PATIENCE", 5.0)


@pytest.fixture
def name(cluster: Cluster) -> Iterator[str]:
    with replicated_database(cluster) as made:
        yield made


@pytest.fixture
async def reading(cluster: Cluster, name: str, servers: Servers, tmp_path: Path) -> AsyncIterator[Reading]:
    async with reading_world(cluster, name, servers.redis_url, tmp_path) as made:
        await made.caught_up()
        await made.usable(*BOTH)
        yield made


async def create(reading: Reading, name: str) -> httpx.Response:
    response = await reading.world.post({"query": CREATE, "variables": {"input": {"name": name}}}, "user")
    assert response.json()["data"]["createFeature"]["userErrors"] == []
    return response


@asynccontextmanager
async def another_process(reading: Reading, **settings: object) -> AsyncIterator[Reading]:
    """On the same servers, and with the same tokens."""
    async with world_with(reading.world, **settings) as world, watched(world) as made:
        await made.caught_up()
        await made.usable(*BOTH)
        yield made


async def test_what_only_reads_is_read_from_replicas_in_turn_and_who_asks_from_the_primary(reading: Reading) -> None:
    found = [await reading.served("admin") for _ in range(4)]
    assert [len(servers) for servers in found] == [1] * 4 and set[str]().union(*found) == BOTH
    assert set(reading.world.statements) == {"user.role", "replicas.written"}  # the latter is the fixture's
    [entry] = await reading.world.plant("other", 1)
    await reading.caught_up()
    reading.world.statements.clear()
    query = "{ features { nodes { owner { name } auditEntries { nodes { actor { email } } } } } users { totalCount } }"
    await reading.world.data(query, "admin")
    rest = await reading.world.client.get(f"/api/v2/features/{entry}", headers=bearer(reading, "admin"))
    assert rest.status_code == 200 and HEADER not in rest.headers
    assert reading.world.statements == [] and reading.counted["primary"] == 0


def bearer(reading: Reading, who: str) -> dict[str, str]:
    return {"authorization": f"Bearer {reading.world.token(who)}"}


async def test_one_request_reads_from_one_replica(reading: Reading) -> None:
    fields = " ".join(
        f"f{number}: features(first: {number}) {{ totalCount nodes {{ name }} }}" for number in range(1, 6)
    )
    before = reading.counted
    await reading.world.data(f"{{ {fields} }}", "admin")
    assert len(reading.counted - before) == 1


async def test_a_write_and_its_payload_are_the_primarys(reading: Reading) -> None:
    await create(reading, "one")
    body = {"name": "two"}
    answer = await reading.world.client.post("/api/v2/features", json=body, headers=bearer(reading, "user"))
    assert answer.status_code == 201
    assert reading.counted == {}
    assert {"feature.insert", "replicas.written"} <= set(reading.world.statements)


async def test_whoever_wrote_reads_it_at_once_and_others_from_replicas_that_are_behind(
    reading: Reading, cluster: Cluster
) -> None:
    await create(reading, "before")
    await reading.caught_up()
    async with held_back(*cluster.replicas):
        await create(reading, "after")
        assert await reading.names("user") == {"before", "after"}
        assert await reading.served("user") == {"primary"}
        assert await reading.names("admin") == {"before"}  # so these were really replicas
        assert await reading.served("admin") <= BOTH
    await reading.caught_up()
    assert await reading.served("user") <= BOTH
    assert await reading.names("user") == {"before", "after"}


async def test_only_the_replica_that_is_behind_is_passed_over(reading: Reading, cluster: Cluster) -> None:
    async with held_back(cluster.replicas[0]):
        await create(reading, "new")
        position = await reading.replicas.fetch_position()
        await eventually(lambda: _reached(reading, 1, position))
        assert [await reading.served("user") for _ in range(3)] == [{"replica_2"}] * 3
        assert await reading.names("user") == {"new"}
    await reading.caught_up()


async def _reached(reading: Reading, number: int, position: int) -> bool:
    return reading.replicas.all[number].replayed >= position


async def test_another_process_learns_it_from_the_caller_by_header_or_cookie(
    reading: Reading, cluster: Cluster
) -> None:
    async with another_process(reading) as other, held_back(*cluster.replicas):
        answer = await create(reading, "new")
        header, cookie = answer.headers[HEADER], answer.headers["set-cookie"]
        assert cookie == f"feature_api_read_after={header}; Path=/; Max-Age=65; HttpOnly; SameSite=Lax"
        sent = f"a=b; {cookie.partition(';')[0]}; c=d"
        assert await other.names("admin") == set()  # nobody but the caller knows
        assert await other.names("admin", **{HEADER: header}) == {"new"}
        assert await other.names("admin", cookie=sent) == {"new"}
        assert await other.served("admin", cookie=sent) == {"primary"}


async def test_without_redis_a_user_who_says_what_they_have_seen_reads_from_replicas(reading: Reading) -> None:
    answer = await create(reading, "new")
    await reading.caught_up()
    async with another_process(reading, redis_url=SecretStr(f"redis://127.0.0.1:{free_port()}/0")) as other:
        assert await other.served("user", **{HEADER: answer.headers[HEADER]}) <= BOTH
        assert await other.names("user", **{HEADER: answer.headers[HEADER]}) == {"new"}
        assert await other.served("user") == {"primary"}


async def test_another_process_learns_it_by_redis_for_callers_who_say_nothing(
    reading: Reading, cluster: Cluster
) -> None:
    async with another_process(reading) as other, held_back(*cluster.replicas):
        await create(reading, "new")
        assert await other.names("user") == {"new"} and await other.served("user") == {"primary"}
        assert await other.names("admin") == set() and await other.served("admin") <= BOTH


@pytest.mark.parametrize("kind", ["no position", "long", "far future", "of another day", "later than now", "negative"])
async def test_position_that_is_none_is_left_alone(reading: Reading, kind: str) -> None:
    now = utc_now()
    sent = {
        "no position": "x' OR 1=1",
        "long": "f" * 5_000,
        "far future": encode_position(1 << 50, now),
        "of another day": encode_position(1 << 40, now - timedelta(days=1)),
        "later than now": encode_position(1, now + timedelta(days=1)),
        "negative": "-1.0",
    }[kind]
    for header in (HEADER, "cookie"):
        value = sent if header == HEADER else f"feature_api_read_after={sent}"
        assert await reading.served("admin", **{header: value}) <= BOTH


async def test_position_just_ahead_of_all_replicas_is_read_from_the_primary_until_it_is_reached(
    reading: Reading,
) -> None:
    ahead = encode_position(await reading.replicas.fetch_position() + AHEAD, utc_now())
    assert await reading.served("admin", **{HEADER: ahead}) == {"primary"}
    await reading.world.owner.execute(f"SELECT pg_logical_emit_message(false, 'test', repeat('x', {AHEAD}))")
    await reading.caught_up()
    assert await reading.served("admin", **{HEADER: ahead}) <= BOTH


async def test_replica_that_is_too_far_behind_is_not_read_and_health_is_degraded(
    reading: Reading, cluster: Cluster
) -> None:
    async with another_process(reading, database_replica_max_lag=1.0) as short:
        async with held_back(*cluster.replicas):
            await create(reading, "new")
            await short.usable()
            assert await short.served("admin") == {"primary"} and await short.names("admin") == {"new"}
            health = await short.world.client.get("/health/ready")
            assert (health.status_code, health.json()["status"]) == (200, "degraded")
            assert health.json()["checks"] == {
                "database": "ok", "migrations": "ok", "redis": "ok", "replicas": "failed"
            }  # fmt: skip
            assert {name: seconds >= 1 and size > 0 for name, (seconds, size) in lags(short).items()} == dict.fromkeys(
                BOTH, True
            )
        await short.usable(*BOTH)
        assert (await short.world.client.get("/health/ready")).json()["status"] == "ok"
        assert await short.served("admin") <= BOTH
        await short.caught_up()
        assert lags(short) == dict.fromkeys(BOTH, (0.0, 0))


def lags(reading: Reading) -> dict[str, tuple[float, int]]:
    return {each.name: reading.replicas.lag(each) for each in reading.replicas.all}


async def test_replica_that_is_killed_costs_no_request_and_is_read_again_when_it_is_back(
    reading: Reading, cluster: Cluster
) -> None:
    stop, asked = asyncio.Event(), 0

    async def ask() -> None:
        nonlocal asked
        while not stop.is_set():
            assert await reading.names("admin") == {"known"}
            asked += 1

    await create(reading, "known")
    await reading.caught_up()
    readers = [asyncio.create_task(ask()) for _ in range(8)]
    await eventually(lambda: _at_least(lambda: reading.counted["replica_1"], 20))
    await killed(cluster.replicas[0])
    await reading.usable("replica_2")
    await restarted(cluster.replicas[0])
    await reading.usable(*BOTH)
    before = reading.counted["replica_1"]
    await eventually(lambda: _at_least(lambda: reading.counted["replica_1"], before + 20))
    stop.set()
    await asyncio.gather(*readers)
    assert asked > 40
    assert all(pool.lent == 0 for each in reading.replicas.all for pool in each.pools())


async def _at_least(number: Callable[[], int], wanted: int) -> bool:
    return number() >= wanted


async def test_reading_goes_on_from_the_primary_while_all_replicas_are_away(reading: Reading, cluster: Cluster) -> None:
    for each in cluster.replicas:
        await killed(each)
    await create(reading, "new")
    assert await reading.names("admin") == {"new"}
    await reading.usable()
    assert await reading.served("admin") == {"primary"}
    for each in cluster.replicas:
        await restarted(each)
    await reading.usable(*BOTH)


async def test_server_that_follows_nobody_is_not_read(reading: Reading, cluster: Cluster, name: str) -> None:
    """Such as a replica that was promoted, while the primary that is asked is another."""
    urls = [in_database(url, name) for url in (cluster.primary.app_url, cluster.replicas[0].app_url)]
    given = {"database_replica_urls": SecretStr(",".join(urls))}
    async with world_with(reading.world, **given) as world, watched(world) as strange:
        await strange.usable("replica_2")
        assert {frozenset(await strange.served("admin")) for _ in range(4)} == {frozenset({"replica_2"})}


async def test_write_on_a_server_that_only_reads_is_unavailable_and_its_connections_are_dropped(
    cluster: Cluster, name: str
) -> None:
    database = Database(PoolSettings(in_database(cluster.replicas[0].app_url, name), size=4))
    read, write = Statement("read", text("SELECT 1")), Statement("write", text("DELETE FROM sessions"))
    async with database.transaction() as transaction:
        await asyncio.gather(database.fetch(read), transaction.fetch(read))
    assert database.pool.open == 2
    with pytest.raises(Unavailable) as caught:
        await database.fetch(write)
    assert isinstance(caught.value.__cause__, asyncpg.ReadOnlySQLTransactionError)
    assert (database.pool.open, database.pool.lent) == (0, 0)
    with pytest.raises(Unavailable):
        async with database.transaction() as transaction:
            await transaction.fetch(write)
    assert (database.pool.open, database.pool.lent) == (0, 0)
    await database.close()


async def test_without_replicas_nothing_is_told_or_asked(world: World) -> None:
    response = await world.post({"query": CREATE, "variables": {"input": {"name": "one"}}}, "user")
    assert HEADER not in response.headers and "set-cookie" not in response.headers
    assert "replicas" not in (await world.client.get("/health")).json()["checks"]
    assert WRITTEN.name not in world.statements


# With row security, the second wall stands on replicas as well


@pytest.fixture
async def walled(reading: Reading) -> AsyncIterator[Reading]:
    async with another_process(reading, database_row_security="on") as made:
        yield made


async def test_behind_the_wall_users_read_their_own_from_replicas_and_a_manager_everything(
    reading: Reading, walled: Reading
) -> None:
    await create(reading, "the user's")
    await reading.world.plant("other", 1)
    await reading.caught_up()
    await walled.caught_up()
    assert await walled.names("user") == {"the user's"} and await walled.served("user") <= BOTH
    assert len(await walled.names("manager")) == 2 and await walled.served("manager") <= BOTH


async def test_filter_that_was_forgotten_leaks_from_replicas_without_the_wall_and_not_with_it(
    reading: Reading, walled: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(reading, "the user's")
    await reading.caught_up()
    await walled.caught_up()
    try:
        forget_in_statements(monkeypatch)
        assert await reading.names("other") == {"the user's"} and await reading.served("other") <= BOTH
        assert await walled.names("other") == set() and await walled.served("other") <= BOTH
    finally:
        forget_statements()


async def test_behind_the_wall_whoever_wrote_reads_it_at_once_behind_the_primarys(
    walled: Reading, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await walled.world.plant("other", 1)
    try:
        forget_in_statements(monkeypatch)
        async with held_back(*cluster.replicas):
            await create(walled, "new")
            assert await walled.names("user") == {"new"} and await walled.served("user") == {"primary"}
    finally:
        forget_statements()
    await walled.caught_up()


async def test_replica_whose_guarded_connections_fail_is_left_and_comes_back(walled: Reading) -> None:
    await walled.names("user")
    for each in walled.replicas.all:
        guarded = each.walls.pools()["guarded"]
        for _ in range(FAILURES):
            guarded.breaker.failed()
    assert await walled.served("user") == {"primary"}
    await walled.usable()
    await walled.usable(*BOTH)
    assert await walled.served("user") <= BOTH
    assert all(pool.lent == 0 for each in walled.replicas.all for pool in each.pools())


# synchronous_commit = remote_apply: no replica is behind what was acknowledged


@pytest.fixture
def applied(cluster: Cluster) -> Iterator[None]:
    cluster.be_synchronous("remote_apply", replicas=2)
    yield
    cluster.be_asynchronous()


@pytest.mark.usefixtures("applied")
async def test_with_remote_apply_whoever_reads_finds_what_was_acknowledged_on_any_replica(
    reading: Reading, cluster: Cluster
) -> None:
    """Nobody says what they have seen: the admin has written nothing."""
    async with held_back(cluster.replicas[0]):
        writing = asyncio.create_task(create(reading, "new"))
        await eventually(lambda: _waits_for_replicas(reading))
        assert await reading.names("admin") <= {"new"} and not writing.done()
    await writing
    before = reading.counted
    assert [await reading.names("admin") for _ in range(4)] == [{"new"}] * 4
    assert set(reading.counted - before) == BOTH


async def _waits_for_replicas(reading: Reading) -> bool:
    query = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep')"
    return bool(await reading.world.owner.fetchval(query))
