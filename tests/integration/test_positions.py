"""What each user wrote last: in Redis for all processes, in memory for this one, and what is assumed without Redis."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from app.adapters import positions
from app.adapters.positions import Positions
from app.adapters.redis_away import redis_at
from app.kernel.errors import Unavailable
from app.kernel.position import EVERYTHING, Since
from tests.fixtures.fault_proxy import Fault, link_to
from tests.fixtures.server import free_port
from tests.fixtures.servers import Servers

NOTHING, TOLD = Since(0, False), Since(50, True)


class Primary:
    def __init__(self) -> None:
        self.position, self.away, self.time = 0, False, 1_000.0

    async def fetch(self) -> int:
        if self.away:
            raise Unavailable("away")
        return self.position

    def now(self) -> float:
        return self.time


@pytest.fixture
async def redis(servers: Servers) -> AsyncIterator[Redis]:
    client = redis_at(servers.redis_url, 5.0)
    yield client
    await client.aclose()


@pytest.fixture
def user() -> UUID:
    return uuid4()


@pytest.fixture
def primary() -> Primary:
    return Primary()


def process(redis: Redis, primary: Primary) -> Positions:
    return Positions(redis, primary.fetch, 10, primary.now)


async def test_every_process_knows_what_was_written_in_one_and_nobody_else_is_meant(
    redis: Redis, primary: Primary, user: UUID
) -> None:
    one, other = process(redis, primary), process(redis, primary)
    primary.position = 100
    assert await one.mark(user) == 100
    assert [await each.wanted(user, NOTHING) for each in (one, other)] == [100, 100]
    assert await other.wanted(uuid4(), NOTHING) == 0
    assert await other.wanted(None, Since(7, True)) == 7


async def test_of_two_writes_the_later_counts_in_whichever_order_they_are_noted(
    redis: Redis, primary: Primary, user: UUID
) -> None:
    one, other, third = (process(redis, primary) for _ in range(3))
    primary.position = 200
    await one.mark(user)
    primary.position = 100  # told late
    await other.mark(user)
    await one.mark(user)
    assert await third.wanted(user, NOTHING) == 200
    assert await one.wanted(user, TOLD) == 200  # by what it remembers itself


async def test_who_says_what_they_have_seen_is_not_looked_up_but_for_what_this_process_knows(
    redis: Redis, primary: Primary, user: UUID
) -> None:
    one, other = process(redis, primary), process(redis, primary)
    primary.position = 100
    await one.mark(user)
    assert await other.wanted(user, TOLD) == 50
    assert await one.wanted(user, TOLD) == 100


async def test_it_is_forgotten_when_every_replica_that_is_read_has_it(
    redis: Redis, primary: Primary, user: UUID
) -> None:
    one = process(redis, primary)
    primary.position = 100
    await one.mark(user)
    assert 14 <= await redis.ttl(f"{positions.KEY}{user}") <= 16
    await redis.delete(f"{positions.KEY}{user}")
    primary.time += 14.9
    assert await one.wanted(user, NOTHING) == 100
    primary.time += 0.2
    assert await one.wanted(user, NOTHING) == 0


async def test_write_whose_position_nobody_can_tell_is_read_from_the_primary_by_all_processes(
    redis: Redis, primary: Primary, user: UUID
) -> None:
    one, other = process(redis, primary), process(redis, primary)
    primary.away = True
    assert await one.mark(user) is None
    assert [await each.wanted(user, NOTHING) for each in (one, other)] == [EVERYTHING, EVERYTHING]


async def test_without_redis_users_read_from_the_primary_and_it_is_asked_again_after_a_pause(
    servers: Servers, primary: Primary, user: UUID
) -> None:
    away, there = redis_at(f"redis://127.0.0.1:{free_port()}/0", 1.0), redis_at(servers.redis_url, 5.0)
    one = process(away, primary)
    assert await one.wanted(user, NOTHING) == EVERYTHING
    assert await one.wanted(user, TOLD) == 50 and await one.wanted(None, NOTHING) == 0
    one._redis, writer = there, uuid4()
    assert await one.wanted(user, NOTHING) == EVERYTHING
    assert (await one.mark(writer), await there.exists(f"{positions.KEY}{writer}")) == (0, 0)
    primary.time += positions.PAUSE
    assert await one.wanted(user, NOTHING) == 0
    await away.aclose()
    await there.aclose()


async def test_nobody_waits_for_a_primary_or_a_redis_that_does_not_answer(
    servers: Servers, primary: Primary, user: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "PATIENCE", 0.1)
    monkeypatch.setattr(positions, "TO_FETCH", 0.1)
    parts = urlsplit(servers.redis_url)
    assert parts.hostname and parts.port
    with link_to(parts.hostname, parts.port) as link, link.spoiled(Fault(mute=True)):
        mute = redis_at(servers.redis_url.replace(f":{parts.port}", f":{link.port}"), 600.0)
        primary.position = 100
        async with asyncio.timeout(60):
            assert await process(mute, primary).mark(user) == 100
            assert await process(mute, primary).wanted(user, NOTHING) == EVERYTHING
            assert await Positions(mute, asyncio.Event().wait, 10, primary.now).mark(user) is None
        await mute.aclose()


async def test_those_who_are_too_many_to_remember_count_for_everybody(
    redis: Redis, primary: Primary, user: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "CAPACITY", 2)
    one = process(redis, primary)
    for position in (300, 100, 200, 150):  # the first two are too many
        primary.position = position
        await one.mark(uuid4())
    *_, last = one._written
    third, fourth = uuid4(), uuid4()
    for each in (third, last, fourth):
        await one.mark(each)
    assert list(one._written) == [last, fourth]  # who wrote again is not the first any more
    assert await one.wanted(user, TOLD) == 300
    primary.time += 20
    assert await one.wanted(user, TOLD) == 50
