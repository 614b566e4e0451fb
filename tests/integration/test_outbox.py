"""The relay: every event is published, a feature's in the order of its versions, and forgotten only then (R46)."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import redis
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.adapters.event_stream import EventStream
from app.adapters.redis_away import redis_at
from app.commands.events import fetch_state
from app.db.database import Database
from app.db.outbox_again import tell_again
from app.domain.outbox.model import Event
from app.embedded.valkey import Valkey
from app.jobs.outbox import BATCH, COUNTED, Relay, keep_published
from app.kernel.errors import Unavailable
from app.parts import pool_settings
from app.telemetry.runtime import OutboxMetrics
from tests.fixtures.events import ENTRIES, Connection, Telling, Told, announce, faults_of, told
from tests.fixtures.servers import Servers
from tests.fixtures.waiting import eventually
from tests.fixtures.world import World
from tests.fixtures.writes import written

MANY = 10_000


@pytest.fixture
def stream() -> str:
    return f"feature-api:events:{uuid4().hex}"


@pytest.fixture
async def client(servers: Servers) -> AsyncIterator[Redis]:
    made = redis_at(servers.redis_url, 10.0)
    yield made
    await made.aclose()


@pytest.fixture
def telling(world: World, client: Redis, stream: str) -> Telling:
    return Telling(world.wiring.database, EventStream(client, stream, MANY))


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def left(world: World) -> int:
    count: int = await world.owner.fetchval("SELECT count(*) FROM outbox")
    return count


def versions(events: Sequence[Any]) -> list[tuple[str, int]]:
    return [(event["subject"], int(event["version"])) for event in events]


async def test_event_is_what_the_guide_says_it_is(
    world: World, telling: Telling, servers: Servers, stream: str
) -> None:
    feature = await world.create("a", metadata={"category": "x"})
    assert await telling.relay() == 1
    [event] = told(servers.redis_url, stream)
    [entry] = await world.owner.fetch(ENTRIES)
    data = event.pop("data")  # type: ignore[attr-defined]
    assert event == {
        "specversion": "1.0",
        "id": str(entry["id"]),
        "source": "/feature-api",
        "type": "feature.changed",
        "subject": feature["databaseId"],
        "time": entry["created_at"].isoformat(),
        "version": "1",
        "actorid": str(world.users["user"]),
        "datacontenttype": "application/json",
    }
    assert '"newValues": {"name": "a"' in data
    assert await left(world) == 0


async def test_every_write_is_told_in_the_order_of_versions(
    world: World, telling: Telling, servers: Servers, stream: str
) -> None:
    for name in ("a", "b"):
        feature = await world.create(name)
        for mutation in ("archiveFeature", "activateFeature", "deleteFeature", "restoreFeature"):
            await written(world, mutation, id=feature["id"])
    assert [await telling.relay(3) for _ in range(5)] == [3, 3, 3, 1, 0]
    events = told(servers.redis_url, stream)
    assert (len(events), list(faults_of(await world.owner.fetch(ENTRIES), events))) == (10, [])


async def test_who_commits_late_is_not_passed_over(
    world: World, telling: Telling, servers: Servers, stream: str, owner_url: str
) -> None:
    """The first transaction draws its ids first, and commits last."""
    early, late = uuid4(), uuid4()
    async with connected(owner_url) as first, connected(owner_url) as second:
        begun = first.transaction()
        await begun.start()
        await announce(first, early, 1, 2)
        await announce(second, late, 1)
        assert await telling.relay() == 1
        assert versions(told(servers.redis_url, stream)) == [(str(late), 1)]
        await announce(second, late, 2)
        await begun.commit()
    assert await telling.relay() == 3
    expected = [(str(late), 1), (str(early), 1), (str(early), 2), (str(late), 2)]
    assert (versions(told(servers.redis_url, stream)), await left(world)) == (expected, 0)


async def test_versions_are_told_in_order_though_the_second_s_transaction_is_the_older(
    world: World, telling: Telling, servers: Servers, stream: str, owner_url: str
) -> None:
    """By ids of transactions version 2 would come first: and while a third one is open, alone."""
    await world.create("a")
    feature_id: UUID = await world.owner.fetchval("SELECT id FROM features")
    await telling.relay()
    rename = "UPDATE features SET name = $1, version = version + 1"
    async with connected(owner_url) as older, connected(owner_url) as open_, connected(owner_url) as younger:
        transactions = [connection.transaction() for connection in (older, open_, younger)]
        for transaction, connection in zip(transactions, (older, open_, younger), strict=True):
            await transaction.start()
            await connection.fetchval("SELECT pg_current_xact_id()::text")
        await younger.execute(rename, "b")
        waits = asyncio.create_task(older.execute(rename, "c"))
        await announce(younger, feature_id, 2)
        await transactions[2].commit()
        await waits
        await announce(older, feature_id, 3)
        await transactions[0].commit()
        assert await telling.relay() == 2
        assert versions(told(servers.redis_url, stream)) == [(str(feature_id), version) for version in (1, 2, 3)]
        await transactions[1].rollback()


async def test_who_dies_between_publishing_and_forgetting_tells_it_again_under_the_same_id(
    world: World, telling: Telling, servers: Servers, stream: str
) -> None:
    await world.create("a")
    await world.create("b")
    await world.owner.execute("REVOKE DELETE ON outbox FROM feature_api_app")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await telling.relay()
    await world.owner.execute("GRANT DELETE ON outbox TO feature_api_app")

    async def killed(events: Sequence[Event]) -> None:
        await telling.publish(events)
        await world.owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )

    with pytest.raises(Unavailable):
        await telling.outbox.relay(killed, 200)
    assert (await left(world), await telling.relay(), await left(world)) == (2, 2, 0)
    ids = [event["id"] for event in told(servers.redis_url, stream)]
    assert ids == ids[:2] * 3 and len(set(ids)) == 2
    assert list(faults_of(await world.owner.fetch(ENTRIES), told(servers.redis_url, stream))) == []


async def test_many_relays_at_once_tell_nothing_twice_and_all_in_order(
    world: World, telling: Telling, servers: Servers, stream: str, owner_url: str
) -> None:
    features = [uuid4() for _ in range(5)]
    async with connected(owner_url) as connection:
        for version in range(1, 101):
            for feature_id in features:
                await announce(connection, feature_id, version)
    settings = pool_settings(world.wiring.settings)  # and as it is behind PgBouncer
    databases = [Database(replace(settings, prepare=prepare)) for prepare in (True, False, True, False)]

    async def drain(database: Database) -> None:
        relay = Telling(database, telling._stream)
        while await left_of(database):
            await relay.relay(7)

    async def left_of(database: Database) -> int:
        return (await Telling(database, telling._stream).outbox.fetch_waiting(1)).events

    await asyncio.gather(*(drain(database) for database in databases))
    for database in databases:
        await database.close()
    expected = [(str(feature_id), version) for version in range(1, 101) for feature_id in features]
    assert versions(told(servers.redis_url, stream)) == expected


async def test_one_relay_at_a_time(world: World, telling: Telling) -> None:
    await world.create("a")
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def held(events: Sequence[Event]) -> None:
        inside.set()
        await go_on.wait()

    first = asyncio.create_task(telling.outbox.relay(held, 200))
    await inside.wait()
    assert await telling.relay() is None
    go_on.set()
    assert (await first, await telling.relay(), telling.batches) == (1, 0, [])


async def test_backlog_is_told_in_batches_of_bounded_size(
    world: World, telling: Telling, servers: Servers, stream: str, owner_url: str
) -> None:
    feature_id = uuid4()
    async with connected(owner_url) as connection:
        await announce(connection, feature_id, *range(1, MANY + 101))
    waiting = await telling.outbox.fetch_waiting(COUNTED)
    assert waiting.events == COUNTED and waiting.since is not None
    registry = CollectorRegistry()
    relay = Relay(telling.outbox, telling, OutboxMetrics(registry), lambda work: work)
    assert (await relay.run(), registry.get_sample_value("feature_api_outbox_rows")) == (0, COUNTED)
    while await relay.run() != 1.0:
        continue
    assert {len(batch) for batch in telling.batches} == {BATCH, 100}
    events = versions(told(servers.redis_url, stream))
    assert events == [(str(feature_id), version) for version in range(1, MANY + 101)][-len(events) :]
    assert len(events) >= MANY and await left(world) == 0


async def test_stream_is_bounded(world: World, client: Redis, servers: Servers, stream: str, owner_url: str) -> None:
    async with connected(owner_url) as connection:
        await announce(connection, uuid4(), *range(1, 1_001))
    telling = Telling(world.wiring.database, EventStream(client, stream, 10))
    while await telling.relay():
        continue
    kept = told(servers.redis_url, stream)
    assert 10 < len(kept) < 300  # about so many: whole nodes of it go, which costs Redis least
    assert [int(event["version"]) for event in kept] == list(range(1_001 - len(kept), 1_001))


async def test_what_waits_and_who_reads_is_told_as_far_as_it_can_be_known(
    world: World, telling: Telling, servers: Servers, stream: str, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.commands.events.COUNTED", 3)
    given = {"database_owner_url": SecretStr(owner_url), "event_stream": stream}
    settings = world.wiring.settings.model_copy(update=given)
    await announce(world.owner, uuid4(), *range(1, 6))
    assert await telling.relay() == 5
    with redis.Redis.from_url(servers.redis_url) as operator:
        second = operator.xrange(stream)[1][0]
        operator.xgroup_create(stream, "all", id="0")
        operator.xgroup_create(stream, "some", id=second)  # what was before it nobody counted
        read: Any = operator.xreadgroup("all", "one", {stream: ">"}, count=4)
        operator.xack(stream, "all", read[0][1][0][0])
    told_then = await fetch_state(settings)
    await announce(world.owner, uuid4(), 1, 2)
    two = await world.owner.fetchval("SELECT min(created_at) FROM outbox")
    told_of_two = (await fetch_state(settings))[0]
    await announce(world.owner, uuid4(), 1, 2)
    many = (await fetch_state(settings))[0]
    assert told_then == [
        "outbox: 0 events wait",
        f"stream {stream}: 5 events",
        "group all: 1 behind, 3 unacknowledged",
        "group some: nobody knows how far behind, 0 unacknowledged",
    ]
    since = f"the first since {two:%Y-%m-%dT%H:%M:%SZ}"
    assert (told_of_two, many) == (f"outbox: 2 events wait, {since}", f"outbox: 3 or more events wait, {since}")


# What Redis lost, told again


async def test_what_was_told_is_told_again_as_it_was_from_the_trail(
    world: World, telling: Telling, servers: Servers, stream: str
) -> None:
    for name in ("a", "b"):
        feature = await world.create(name, metadata={"category": "é"})
        await written(world, "archiveFeature", "admin", id=feature["id"])
    while await telling.relay():
        continue
    first = told(servers.redis_url, stream)
    with redis.Redis.from_url(servers.redis_url) as operator:
        operator.delete(stream)
    since = await world.owner.fetchval("SELECT created_at FROM audit_entries ORDER BY created_at OFFSET 1 LIMIT 1")
    assert await tell_again(world.wiring.database, since, batch=2) == 3
    assert await tell_again(world.wiring.database, since, batch=2) == 0  # they wait
    assert await telling.relay() == 3
    again = told(servers.redis_url, stream)
    assert [parsed(event) for event in again] == [parsed(event) for event in first[1:]]
    assert await tell_again(world.wiring.database, since + timedelta(days=1)) == 0


def parsed(event: Told) -> dict[str, object]:
    """The order of members is PostgreSQL's own in both."""
    return {**event, "data": json.loads(event["data"])}


# Redis away, full, or in use for something else


@pytest.fixture
async def own(valkey: Valkey) -> AsyncIterator[Redis]:
    """Of a Valkey of the test's own."""
    made = redis_at(valkey.url, 2.0)
    yield made
    await made.aclose()


async def test_events_wait_while_redis_is_away_and_go_on_by_themselves(
    world: World, valkey: Valkey, own: Redis, stream: str
) -> None:
    telling = Telling(world.wiring.database, EventStream(own, stream, MANY))
    registry = CollectorRegistry()
    relay = Relay(telling.outbox, telling, OutboxMetrics(registry), lambda work: work)
    valkey.kill()
    with capture_logs() as logged:
        job = asyncio.create_task(keep_published(relay.run, retry=0.01, longest=0.05))
        for name in ("a", "b", "c"):
            await world.create(name)

        async def tried_often() -> bool:
            return (registry.get_sample_value("feature_api_outbox_failures_total") or 0) >= 5

        await eventually(tried_often)
        assert (await left(world), [len(batch) for batch in telling.batches]) in [(3, [count]) for count in (1, 2, 3)]
        await asyncio.to_thread(valkey.start)

        async def gone() -> bool:
            return await left(world) == 0

        await eventually(gone)

        async def said() -> bool:
            return bool(logged[-1]["event"] == "events are published again")

        await eventually(said)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
    ours = [line["event"] for line in logged if line["event"] != "request"]
    assert ours == ["events wait to be published", "events are published again"]
    assert list(faults_of(await world.owner.fetch(ENTRIES), told(valkey.url, stream))) == []


async def test_answers_that_are_lost_do_not_fill_the_stream_with_what_is_told_again(
    world: World, telling: Telling, servers: Servers, stream: str
) -> None:
    """And while the stream does not answer at all, nobody holds a connection to the database for it."""
    await announce(world.owner, uuid4(), *range(1, BATCH + 1))
    answers = [False, False, False, True]

    class Late(Telling):
        async def publish(self, events: Sequence[Event]) -> None:
            await super().publish(events)
            if not answers.pop(0):
                raise Unavailable("late")

    late = Late(world.wiring.database, telling._stream)
    relay = Relay(late.outbox, late, OutboxMetrics(CollectorRegistry()), lambda work: work)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await relay.run()
    assert [await relay.run(), await left(world)] == [0, BATCH - 1]
    answers.append(True)
    await relay.run()
    assert [len(batch) for batch in late.batches] == [BATCH, 1, 1, 1, BATCH - 1]
    assert (len(told(servers.redis_url, stream)), await left(world)) == (2 * BATCH + 2, 0)


async def test_full_redis_takes_all_of_a_batch_or_nothing_and_says_why(
    world: World, valkey: Valkey, own: Redis, stream: str
) -> None:
    telling = Telling(world.wiring.database, EventStream(own, stream, MANY))
    for name in ("a", "b"):
        await world.create(name)
    with redis.Redis.from_url(valkey.url) as operator:
        operator.config_set("maxmemory-policy", "volatile-lru")
        operator.config_set("maxmemory", "1")
        with pytest.raises(Unavailable, match="maxmemory"):
            await telling.relay()
        assert (operator.exists(stream), await left(world)) == (0, 2)
        operator.config_set("maxmemory", "256mb")
        assert (await telling.relay(), await left(world), operator.xlen(stream)) == (2, 0, 2)


async def test_redis_that_gets_full_within_a_batch_takes_all_of_it_or_nothing(
    world: World, valkey: Valkey, own: Redis, stream: str
) -> None:
    """A part of it would be told again after the rest."""
    telling, count = Telling(world.wiring.database, EventStream(own, stream, MANY)), 100
    for _ in range(count):
        await announce(world.owner, uuid4(), 1)
    await world.owner.execute("UPDATE outbox SET payload = payload || jsonb_build_object('x', repeat('x', 20000))")
    with redis.Redis.from_url(valkey.url) as operator:
        operator.config_set("maxmemory-policy", "noeviction")
        for room in range(200_000, 6_000_000, 400_000):
            operator.delete(stream)
            operator.config_set("maxmemory", str(operator.info("memory")["used_memory"] + room))
            try:
                gone = await telling.relay()
            except Unavailable:
                gone = 0
            operator.config_set("maxmemory", "0")
            assert operator.xlen(stream) == gone
            assert gone in (0, count)
            if gone:
                break
    assert await left(world) == 0


async def test_key_that_is_no_stream_is_told_and_nothing_is_lost(
    world: World, telling: Telling, servers: Servers, stream: str
) -> None:
    await world.create("a")
    with redis.Redis.from_url(servers.redis_url) as operator:
        operator.set(stream, "taken")
        with pytest.raises(Unavailable, match="WRONGTYPE"):
            await telling.relay()
        assert await left(world) == 1
        operator.delete(stream)
    assert (await telling.relay(), await left(world)) == (1, 0)


async def test_nothing_of_addresses_is_told_of_a_redis_that_is_away(world: World, stream: str) -> None:
    nowhere = redis_at("redis://:secret@127.0.0.1:1/0", 0.5)
    await world.create("a")
    with pytest.raises(Unavailable) as caught:
        await Telling(world.wiring.database, EventStream(nowhere, stream, MANY)).relay()
    await nowhere.aclose()
    assert caught.value.message == "Redis does not take events: ConnectionError."
