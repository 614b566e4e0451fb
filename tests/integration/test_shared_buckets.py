"""Rate limits in Redis: exact for all processes together, cheap for who comes often, and bounded without Redis (R26,
R64)."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.adapters.redis_buckets import FAILURES, KEY, RedisBuckets
from app.adapters.shared_buckets import LEASE, PARTS, SharedBuckets
from app.domain.rate_limit.model import HOUR, MAX_LIMIT, Draw, Policy
from app.embedded.valkey import Valkey
from app.kernel.clock import utc_now
from tests.fixtures.embedded import running
from tests.fixtures.server import free_port
from tests.fixtures.servers import Servers
from tests.fixtures.waiting import eventually

PATIENT = 5.0  # seconds, so that a busy machine is no outage
AGES = 1_000 * HOUR  # nothing comes back while a test runs, however busy the machine is
EXACT = Policy("exact", 200, AGES)
LOTS = Policy("lots", 100_000, AGES, lots=True)


@dataclass
class Process:
    """What a process has of its own: a connection, leases, buckets. `heard` is what it said of Redis, `calls` what it
    asked it: (need, want, back)."""

    url: str
    timeout: float = PATIENT
    now: float = 0.0  # of the monotonic clock, for leases
    heard: list[bool] = field(default_factory=list)
    failures: int = 0
    calls: list[tuple[int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.redis = RedisBuckets(self.url, self.timeout, self.heard.append, self._failed)
        self.shared = SharedBuckets(self, utc_now, lambda: self.now)

    def _failed(self) -> None:
        self.failures += 1

    async def take(self, key: str, policy: Policy, need: int, want: int, back: int) -> tuple[int, int] | None:
        self.calls.append((need, want, back))
        return await self.redis.take(key, policy, need, want, back)

    async def granted(self, key: str, policy: Policy, points: int, times: int = 1) -> int:
        draws = await asyncio.gather(*(self.shared.take(key, policy, points) for _ in range(times)))
        return points * sum(draw.taken for draw in draws)

    async def left(self, key: str, policy: Policy) -> int:
        return (await self.shared.take(key, policy, 0)).drops // policy.drops


@asynccontextmanager
async def processes(url: str, count: int, patience: float = PATIENT) -> AsyncIterator[list[Process]]:
    made = [Process(url, patience) for _ in range(count)]
    try:
        yield made
    finally:
        for process in made:
            await process.redis.close()


@pytest.fixture
def key() -> str:
    return uuid4().hex


@pytest.fixture
async def client(servers: Servers) -> AsyncIterator[Redis]:
    connected = Redis.from_url(servers.redis_url)
    yield connected
    await connected.aclose()


async def test_all_processes_together_grant_the_limit_exactly(servers: Servers, key: str) -> None:
    async with processes(servers.redis_url, 4) as four:
        granted = await asyncio.gather(*(process.granted(key, EXACT, 1, 80) for process in four))
        assert sum(granted) == 200
        assert [process.failures for process in four] == [0] * 4


async def test_lots_of_all_processes_are_never_more_than_the_limit_and_nearly_all_of_it(
    servers: Servers, key: str
) -> None:
    policy = Policy("lots", 1_000, AGES, lots=True)
    async with processes(servers.redis_url, 4) as four:
        granted = 0
        for _ in range(50):
            granted += sum(await asyncio.gather(*(process.granted(key, policy, 3, 5) for process in four)))
        assert 1_000 - 4 * policy.limit // PARTS <= granted <= 1_000
        assert sum(len(process.calls) for process in four) < 300


async def test_who_comes_often_costs_few_round_trips_and_who_comes_once_takes_nothing_ahead(
    servers: Servers, key: str
) -> None:
    async with processes(servers.redis_url, 2) as (one, other):
        await other.granted(key, LOTS, 7)
        assert other.calls == [(7, 7, 0)]
        for _ in range(1_000):
            await one.granted(key, LOTS, 10)
        lot = LOTS.limit // PARTS
        assert one.calls[:4] == [(10, 10, 0), (10, 30, 0), (10, 70, 0), (10, 150, 0)]
        assert max(want for _, want, _ in one.calls) <= 10 + lot
        assert len(one.calls) < 15


async def test_what_is_left_of_a_lot_counts_as_the_callers_and_goes_back_when_it_is_stale(
    servers: Servers, key: str
) -> None:
    async with processes(servers.redis_url, 2) as (one, other):
        for _ in range(20):
            await one.granted(key, LOTS, 100)
        assert await one.left(key, LOTS) == LOTS.limit - 2_000
        assert await other.left(key, LOTS) < LOTS.limit - 2_000  # the lot is out of the bucket
        one.now += LEASE
        assert await one.left(key, LOTS) == LOTS.limit - 2_000
        assert one.calls[-1][2] > 0
        other.now += LEASE
        assert await other.left(key, LOTS) == LOTS.limit - 2_000


async def test_who_has_spent_all_is_refused_without_a_question(servers: Servers, key: str) -> None:
    policy = Policy("lots", 100, AGES, lots=True)
    async with processes(servers.redis_url, 2) as (one, other):
        assert await one.granted(key, policy, 50, 2) == 100
        assert await other.granted(key, policy, 1) == 0
        asked = len(one.calls), len(other.calls)
        assert await one.granted(key, policy, 1, 20) + await other.granted(key, policy, 1, 20) == 0
        assert (len(one.calls), len(other.calls)) == asked


@pytest.mark.parametrize("limit", [1, 7, MAX_LIMIT])
@pytest.mark.parametrize("window", [1, 60, HOUR])
async def test_the_last_point_can_be_taken_whatever_the_size(
    servers: Servers, key: str, limit: int, window: int
) -> None:
    policy = Policy("size", limit, window)
    async with processes(servers.redis_url, 1) as (one,):
        began = monotonic()
        found = await one.redis.take(key, policy, limit, limit, 0)
        assert found == (limit, 0)
        granted, drops = await one.redis.take(key, policy, limit, limit, 0) or (None, 0)
        assert granted == 0 or monotonic() - began > window
        assert 0 <= drops <= policy.full and drops % (policy.drops // (window * 1000)) == 0


async def test_a_bucket_refills_by_the_clock_of_redis_and_is_forgotten_when_it_is_full(
    servers: Servers, key: str, client: Redis
) -> None:
    policy = Policy("refill", 1_000, 2)
    async with processes(servers.redis_url, 1) as (one,):
        await one.redis.take(key, policy, 1_000, 1_000, 0)
        assert 0 < await client.pttl(KEY + key) <= 2_000

        async def some_came_back() -> bool:
            return (await one.redis.take(key, policy, 100, 100, 0)) == (100, 0) or await full()

        async def full() -> bool:
            return await client.exists(KEY + key) == 0

        await eventually(some_came_back)
        await eventually(full)
        assert await one.redis.take(key, policy, 0, 0, 0) == (0, policy.full)


async def test_a_limit_that_was_lowered_leaves_an_empty_bucket_and_no_debt(servers: Servers, key: str) -> None:
    async with processes(servers.redis_url, 1) as (one,):
        await one.redis.take(key, Policy("a", 600, HOUR), 600, 600, 0)
        assert await one.redis.take(key, Policy("a", 60, HOUR), 1, 1, 0) == (0, 0)


async def test_what_a_stranger_wrote_there_is_no_failure(servers: Servers, key: str, client: Redis) -> None:
    async with processes(servers.redis_url, 1) as (one,):
        await client.set(KEY + "exact:" + key, "nonsense")
        assert await one.granted(key, EXACT, 1, 201) == 200  # by the process alone
        assert one.heard[:2] == [True, False]


async def test_without_redis_a_process_counts_for_itself_and_says_so_once(key: str) -> None:
    with capture_logs() as logs:
        async with processes(f"redis://127.0.0.1:{free_port()}/0", 1) as (one,):
            assert await one.granted(key, EXACT, 1, 1) == 1
            assert await one.granted(key, LOTS, 10, 300) == 3_000
            assert await one.granted(key, EXACT, 1, 300) == 199
            assert one.heard == [True, False]
    assert [line["event"] for line in logs] == ["rate limits: no redis, each process counts for itself"]


@contextmanager
def frozen(folder: Path) -> Iterator[None]:
    """It takes connections and bytes, and answers nothing."""
    [pid] = running("valkey-server", folder)
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)


async def test_a_redis_that_does_not_answer_keeps_nobody_waiting_after_the_first_few(
    valkey: Valkey, folder: Path, key: str
) -> None:
    async with processes(valkey.url, 1, patience=0.08) as (one,):
        with frozen(folder):
            started = monotonic()
            for _ in range(FAILURES):
                assert await one.granted(key, EXACT, 1) == 1
            assert monotonic() - started >= FAILURES * 0.08  # it was asked, in vain
            assert one.heard[-1] is False
            asked = one.failures
            assert await one.granted(key, EXACT, 1, 300) == 200 - FAILURES
            assert one.failures == asked
        await eventually(lambda: back(one))


async def back(process: Process) -> bool:
    return process.heard[-1]


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_over_an_outage_each_process_keeps_to_the_limit_and_afterwards_all_together(
    valkey: Valkey, folder: Path, key: str, how: str
) -> None:
    async with processes(valkey.url, 2, patience=2) as two:  # what a busy machine takes for an answer

        async def spent(policy: Policy, times: int) -> int:
            return sum(await asyncio.gather(*(process.granted(key, policy, 1, times) for process in two)))

        async def all_heard(answers: bool) -> bool:
            await asyncio.gather(*(process.granted("other", EXACT, 1, FAILURES) for process in two))
            return all(process.heard[-1] is answers for process in two)

        before = await spent(EXACT, 50)
        if how == "killed":
            await asyncio.to_thread(valkey.kill)
            await eventually(lambda: all_heard(False))
            during = await spent(EXACT, 200)
            await asyncio.to_thread(valkey.start)
        else:
            with frozen(folder):
                await eventually(lambda: all_heard(False))
                during = await spent(EXACT, 200)
        await eventually(lambda: all_heard(True))
        after = await spent(EXACT, 200)
        assert (before, during, after) == (100, 300, 0)  # each process its 200, two thus twice the limit, and no more
        assert await spent(Policy("fresh", 200, AGES), 200) == 200


async def test_points_spent_elsewhere_are_seen_within_the_life_of_a_lease(servers: Servers, key: str) -> None:
    async with processes(servers.redis_url, 2) as (one, other):
        await one.granted(key, LOTS, 10)
        await other.granted(key, LOTS, 1_000)
        assert await one.left(key, LOTS) == LOTS.limit - 10
        one.now += LEASE
        assert await one.left(key, LOTS) == LOTS.limit - 1_010


async def test_a_draw_of_nothing_just_looks() -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC)

    class Empty:
        async def take(self, key: str, policy: Policy, need: int, want: int, back: int) -> tuple[int, int] | None:
            return need, policy.full - 5

    shared = SharedBuckets(Empty(), lambda: now, lambda: 0.0)
    assert await shared.take("a", EXACT, 0) == Draw(True, EXACT.full - 5)
