"""The job that publishes events: when it looks again, how it waits after failures, and how it ends."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from time import monotonic

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from app.domain.outbox.model import Waiting
from app.domain.outbox.ports import Publish
from app.jobs.outbox import BATCH, PAUSE, SOON, Relay, keep_published
from app.kernel.errors import Unavailable
from app.telemetry.runtime import OutboxMetrics

SINCE = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Planted:
    """An outbox in which so much waits, and of which so much goes; and a stream, which answers or does not."""

    def __init__(self, waiting: int, gone: int | None | Exception, away: bool = False) -> None:
        self.waiting, self.gone, self.away = waiting, gone, away
        self.asked: list[int] = []

    async def fetch_waiting(self, most: int) -> Waiting:
        return Waiting(self.waiting, SINCE if self.waiting else None)

    async def relay(self, publish: Publish, most: int) -> int | None:
        self.asked.append(most)
        if isinstance(self.gone, Exception):
            raise self.gone
        return self.gone

    async def check(self) -> None:
        if self.away:
            raise Unavailable("away")

    async def publish(self, events: object) -> None:
        raise AssertionError("nothing is there")


def relay_of(planted: Planted, registry: CollectorRegistry) -> Relay:
    metrics = OutboxMetrics(registry, lambda: SINCE.timestamp() + 90)
    return Relay(planted, planted, metrics, lambda work: work)


@pytest.mark.parametrize(
    ("waiting", "gone", "pause"),
    [
        (0, AssertionError("nobody asks"), PAUSE),
        (5, 5, SOON),
        (BATCH, BATCH, 0),
        (5, 0, PAUSE),  # another process was faster
        (5, None, PAUSE),  # another process is at it
    ],
)
async def test_pause_is_as_long_as_there_is_work(waiting: int, gone: int | None | Exception, pause: float) -> None:
    registry = CollectorRegistry()
    assert await relay_of(Planted(waiting, gone), registry).run() == pause
    found = [registry.get_sample_value(f"feature_api_outbox_{name}") for name in METRICS]
    assert found == [90 if waiting else 0, waiting, gone if isinstance(gone, int) else 0, 0]


METRICS = ("age_seconds", "rows", "published_total", "failures_total")


async def test_failure_is_counted_and_what_waits_is_still_told() -> None:
    registry = CollectorRegistry()
    with pytest.raises(Unavailable):
        await relay_of(Planted(7, Unavailable("away")), registry).run()
    assert [registry.get_sample_value(f"feature_api_outbox_{name}") for name in METRICS] == [90, 7, 0, 1]


async def test_after_a_failure_the_stream_is_asked_first_and_one_event_goes_alone() -> None:
    planted = Planted(7, Unavailable("away"), away=True)
    relay = relay_of(planted, CollectorRegistry())
    for _ in range(3):
        with pytest.raises(Unavailable):
            await relay.run()
    assert planted.asked == [BATCH]
    planted.away, planted.gone = False, 1
    assert (await relay.run(), planted.asked) == (0, [BATCH, 1])
    assert (await relay.run(), planted.asked) == (SOON, [BATCH, 1, BATCH])


def test_age_grows_while_nobody_looks_at_the_outbox() -> None:
    registry, now = CollectorRegistry(), [SINCE.timestamp() - 5]  # clocks differ
    metrics = OutboxMetrics(registry, lambda: now[0])
    metrics.waiting(1, SINCE)
    assert registry.get_sample_value("feature_api_outbox_age_seconds") == 0
    now[0] += 65
    metrics.measure()
    assert registry.get_sample_value("feature_api_outbox_age_seconds") == 60


async def run(outcomes: list[float | Exception], retry: float, longest: float) -> list[float]:
    """The times at which the job ran, until it has had all of the outcomes."""
    times: list[float] = []
    done = asyncio.Event()

    async def one() -> float:
        times.append(monotonic())
        if len(times) > len(outcomes):
            done.set()
            await asyncio.Event().wait()
        outcome = outcomes[len(times) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    job = asyncio.create_task(keep_published(one, retry=retry, longest=longest, last=0))
    await asyncio.wait_for(done.wait(), 20)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    return times


async def test_waits_get_longer_from_failure_to_failure_and_begin_anew_after_it() -> None:
    away = Unavailable("away")
    times = await run([away, away, away, away, 0, away], retry=0.04, longest=0.16)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    least = [0.04, 0.08, 0.16, 0.16, 0, 0.04]
    assert all(gap >= 0.99 * wait for gap, wait in zip(gaps, least, strict=True)), gaps


async def test_after_many_failures_the_wait_is_no_longer_than_it_may_be() -> None:
    assert len(await run([Unavailable("away")] * 14, retry=0.04, longest=0)) == 15  # else minutes


async def test_it_is_said_once_that_events_wait_and_once_that_they_do_no_more() -> None:
    away = Unavailable("away")
    with capture_logs() as logged:
        await run([0, away, away, away, 0, 0, RuntimeError("planted"), away, 0], retry=0, longest=0)
    assert [(line["log_level"], line["event"]) for line in logged] == [
        ("warning", "events wait to be published"),
        ("warning", "events are published again"),
        ("error", "events could not be published"),
        ("warning", "events are published again"),
    ]


def _begun(release: asyncio.Event, ended: list[str]) -> tuple[asyncio.Event, Callable[[], "asyncio.Future[float]"]]:
    inside = asyncio.Event()

    async def one() -> float:
        inside.set()
        try:
            await release.wait()
        except asyncio.CancelledError:
            ended.append("given up")
            raise
        ended.append("done")
        return 0

    return inside, lambda: asyncio.ensure_future(one())


@pytest.mark.parametrize(("last", "expected"), [(60, "done"), (0, "given up")])
async def test_what_is_under_way_when_it_ends_is_done_unless_that_takes_too_long(last: float, expected: str) -> None:
    release, ended = asyncio.Event(), list[str]()
    inside, one = _begun(release, ended)
    job = asyncio.create_task(keep_published(one, last=last))
    await inside.wait()
    job.cancel()
    await asyncio.sleep(0)  # it has been told by now
    if last:
        release.set()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert ended == [expected]


async def rested(relay: Relay, seconds: float) -> float:
    begun = monotonic()
    await asyncio.wait_for(relay.rest(seconds), 20)
    return monotonic() - begun


async def idle(planted: Planted | None = None) -> Relay:
    relay = relay_of(planted or Planted(0, None), CollectorRegistry())
    await relay.run()
    return relay


async def test_where_nothing_waits_it_rests_until_an_event_is_announced() -> None:
    relay = await idle()
    resting = asyncio.create_task(rested(relay, 600))
    await asyncio.sleep(2 * SOON)
    relay.announced()
    assert await resting >= 0.99 * SOON


async def test_event_that_is_announced_while_it_looks_is_heard() -> None:
    """It may have been committed too late to be seen."""

    class Busy(Planted):
        async def fetch_waiting(self, most: int) -> Waiting:
            relay.announced()
            return await super().fetch_waiting(most)

    relay = relay_of(Busy(0, None), CollectorRegistry())
    await relay.run()
    assert await rested(relay, 600) >= 0.99 * SOON  # and yet it does not look more often than that


async def test_event_that_was_announced_before_it_looked_wakes_nobody() -> None:
    planted = Planted(0, None)
    relay = await idle(planted)
    relay.announced()
    await relay.run()
    assert await rested(relay, 4 * SOON) >= 3.9 * SOON


@pytest.mark.parametrize("gone", [0, None])
async def test_who_finds_others_at_work_is_not_woken_by_every_write(gone: int | None) -> None:
    relay = await idle(Planted(5, gone))
    relay.announced()
    assert await rested(relay, 4 * SOON) >= 3.9 * SOON


async def test_nobody_rests_while_batches_are_full() -> None:
    resting = asyncio.create_task((await idle(Planted(BATCH, BATCH))).rest(0))
    for _ in range(3):
        await asyncio.sleep(0)
    assert resting.done()
    await resting


async def test_job_rests_as_it_is_told_to() -> None:
    rests: list[float] = []
    done = asyncio.Event()

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 2:
            done.set()
            await asyncio.Event().wait()

    relay = relay_of(Planted(0, None), CollectorRegistry())
    job = asyncio.create_task(keep_published(relay.run, rest))
    await asyncio.wait_for(done.wait(), 20)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert rests == [PAUSE, PAUSE]
