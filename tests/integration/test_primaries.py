"""Two servers take writes, since a primary that was replaced has come back: only the later one is written to (R64)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from app.db.connect import PoolSettings
from app.db.database import Database
from app.db.primaries import Primaries, ReplacedError
from app.db.statement import Statement
from app.kernel.errors import Unavailable
from tests.fixtures.cluster import Cluster, cluster_of, promote, rejoin
from tests.fixtures.database import execute, in_database
from tests.fixtures.fault_proxy import Fault, Link, link_to
from tests.fixtures.faults import codes, world_with
from tests.fixtures.replicated import Reading, watched
from tests.fixtures.servers import Servers
from tests.fixtures.waiting import eventually
from tests.fixtures.world import CREATE, World

WHERE = Statement("test.where", select(func.inet_server_port()))
OLD, NEW = 0, 1
FUNCTION = "{} EXECUTE ON FUNCTION pg_control_system() {} PUBLIC"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """The replica was promoted, and the primary knows nothing of it."""
    with cluster_of(1) as made:
        promote(made.replicas[0])
        yield made


@pytest.fixture
def whole() -> Iterator[Cluster]:
    """A primary and its replica."""
    with cluster_of(1) as made:
        yield made


@pytest.fixture
def link(cluster: Cluster) -> Iterator[Link]:
    """To the new one."""
    with link_to("127.0.0.1", port_of(cluster, NEW)) as made:
        yield made


def port_of(cluster: Cluster, which: int) -> int:
    return urlsplit(cluster.servers[which].app_url).port or 0


def at(cluster: Cluster, *ports: int, wanted: str = "primary") -> PoolSettings:
    parts = urlsplit(cluster.primary.app_url)
    user = parts.netloc.rpartition("@")[0]
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    url = parts._replace(netloc=f"{user}@{hosts}", query=f"target_session_attrs={wanted}").geturl()
    return PoolSettings(url, size=3, acquire_timeout=30)


@asynccontextmanager
async def running(database: Database) -> AsyncIterator[Database]:
    """As a server has it."""
    watching = asyncio.create_task(database.pool.primaries.run())
    try:
        yield database
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await database.close()


async def where(database: Database) -> int:
    return int((await database.fetch(WHERE))[0][0])


@pytest.mark.parametrize("wanted", ["primary", "read-write"])
async def test_server_that_begins_writes_to_the_later_one_of_two_primaries(cluster: Cluster, wanted: str) -> None:
    ports = port_of(cluster, OLD), port_of(cluster, NEW)
    for order in (ports, ports[::-1]):
        async with running(Database(at(cluster, *order, wanted=wanted))) as database:
            found = await asyncio.gather(*(where(database) for _ in range(6)))
            assert set(found) == {port_of(cluster, NEW)}


async def test_server_that_runs_moves_to_the_later_primary_and_cuts_its_connections(
    cluster: Cluster, link: Link
) -> None:
    """Though it needs no new connection: those to the one that was replaced still answer."""
    with link.spoiled(Fault(refuses=True)):
        database = Database(at(cluster, port_of(cluster, OLD), link.port))
        held = [await database.pool.take() for _ in range(2)]
        assert [await one.connection.fetchval(WHERE.text) for one in held] == [port_of(cluster, OLD)] * 2
        database.pool.give(held.pop())
    async with running(database):
        await eventually(lambda: is_at(database, NEW, cluster))
        [lent] = held
        assert lent.connection.is_closed()
        await database.pool.drop(lent)
        assert (database.pool.lent, database.pool.open) == (0, 1)


async def test_transaction_on_a_primary_that_was_replaced_is_not_acknowledged(cluster: Cluster, link: Link) -> None:
    with link.spoiled(Fault(refuses=True)):
        database = Database(at(cluster, port_of(cluster, OLD), link.port))
        assert await where(database) == port_of(cluster, OLD)
    async with running(database):
        moved = False

        async def write() -> None:
            nonlocal moved
            async with database.transaction() as transaction:
                await transaction.fetch(WHERE)
                await eventually(lambda: is_at(database, NEW, cluster))
                moved = True

        with pytest.raises(Unavailable):
            await write()
        assert moved


async def test_name_that_leads_back_to_the_one_that_was_replaced_is_not_followed(cluster: Cluster, link: Link) -> None:
    link.move("127.0.0.1", port_of(cluster, OLD))
    async with running(Database(at(cluster, link.port))) as database:
        first, second = await database.pool.take(), await database.pool.take()
        link.move("127.0.0.1", port_of(cluster, NEW))
        assert await where(database) == port_of(cluster, NEW)  # on a third one
        assert first.connection.is_closed() and second.connection.is_closed()
        await database.pool.drop(first)
        await database.pool.drop(second)
        link.move("127.0.0.1", port_of(cluster, OLD))
        assert await where(database) == port_of(cluster, NEW)  # on the one that is open
        database.pool.cut()
        with pytest.raises(Unavailable) as caught:
            await where(database)
        assert isinstance(caught.value.__cause__, ReplacedError)
        link.move("127.0.0.1", port_of(cluster, NEW))
        assert await where(database) == port_of(cluster, NEW)


async def test_name_that_leads_elsewhere_is_noticed_by_who_needs_no_connection(
    cluster: Cluster, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.primaries.ANEW", 0.1)
    link.move("127.0.0.1", port_of(cluster, OLD))
    async with running(Database(at(cluster, link.port))) as database:
        assert await where(database) == port_of(cluster, OLD)
        link.move("127.0.0.1", port_of(cluster, NEW))
        await eventually(lambda: is_at(database, NEW, cluster))


async def test_two_that_take_writes_are_counted(cluster: Cluster, link: Link) -> None:
    async with running(Database(at(cluster, port_of(cluster, OLD), link.port))) as database:
        primaries = database.pool.primaries
        await where(database)
        assert primaries.count == 2
        with link.spoiled(Fault(refuses=True)):
            await eventually(partial(counted, primaries, 1))
            database.pool.cut()
            with pytest.raises(Unavailable):  # the one that is left was replaced
                await where(database)
        await eventually(partial(counted, primaries, 2))


@pytest.fixture
def untold(cluster: Cluster) -> Iterator[None]:
    url = in_database(cluster.servers[NEW].superuser_url, "feature_api")
    execute(url, FUNCTION.format("REVOKE", "FROM"))
    yield
    execute(url, FUNCTION.format("GRANT", "TO"))


@pytest.mark.usefixtures("untold")
async def test_one_that_cannot_tell_is_taken_as_it_is(cluster: Cluster) -> None:
    async with running(Database(at(cluster, port_of(cluster, NEW)))) as database:
        assert await where(database) == port_of(cluster, NEW)


async def counted(primaries: Primaries, number: int) -> bool:
    return primaries.count == number


async def is_at(database: Database, which: int, cluster: Cluster) -> bool:
    try:
        return await where(database) == port_of(cluster, which)
    except Unavailable:
        return False


async def test_old_primary_is_neither_read_nor_written_until_it_follows_the_new_one(
    whole: Cluster, servers: Servers, tmp_path: Path
) -> None:
    """One server runs through all of it."""
    old, new = whole.servers
    url, given = whole.app_url("feature_api"), ",".join(each.app_url for each in whole.servers)
    settings: dict[str, Any] = {"database_replica_urls": SecretStr(given), "database_replica_max_lag": 60}
    async with world_with(url, old.owner_url, servers.redis_url, tmp_path, **settings) as world:
        watching = asyncio.create_task(world.wiring.database.pool.primaries.run())
        async with watched(world) as reading:
            await create(world, "before")
            await eventually(partial(replayed, reading, 1, await reading.replicas.fetch_position()))
            await reading.usable("replica_2")
            await asyncio.to_thread(old.kill)
            await asyncio.to_thread(promote, new)
            await create(world, "between")
            await reading.usable()

            await asyncio.to_thread(old.start)  # by itself, as a machine that was restarted does
            await eventually(partial(counted, world.wiring.database.pool.primaries, 2))
            assert "\nfeature_api_primaries 2.0\n" in (await world.client.get("/metrics")).text
            await asyncio.to_thread(execute, old.owner_url, "UPDATE features SET name = 'lost'")
            world.wiring.database.pool.cut()
            await create(world, "beside")
            assert await reading.served("admin") == {"primary"}
            assert await reading.names("admin") == {"before", "between", "beside"}
            assert [each.answers for each in reading.replicas.all] == [False, False]

            await asyncio.to_thread(rejoin, old, new)
            await reading.usable("replica_1")
            await create(world, "after")
            await eventually(partial(replayed, reading, 0, await reading.replicas.fetch_position()))
            assert await reading.served("admin") == {"replica_1"}
            assert await reading.names("admin") == {"before", "between", "beside", "after"}
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def replayed(reading: Reading, number: int, position: int) -> bool:
    return reading.replicas.all[number].replayed >= position


async def create(world: World, name: str) -> None:
    """Until it is acknowledged: what was UNAVAILABLE was not done, as nobody was there to do it."""

    async def done() -> bool:
        answer = (await world.post({"query": CREATE, "variables": {"input": {"name": name}}}, "user")).json()
        if "errors" in answer:
            assert codes(answer) == ["UNAVAILABLE"]
            return False
        return bool(answer["data"]["createFeature"]["userErrors"] == [])

    await eventually(done)
