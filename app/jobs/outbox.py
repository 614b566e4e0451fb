"""Events that wait in the outbox are published soon after their commit, by one process at a time (R46).

Every process looks, at once where it has written an event itself. Who finds something tries for the lock of all; who
does not get it looks again later.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

import structlog

from app.domain.outbox.ports import Outbox, Stream
from app.kernel.errors import Unavailable
from app.telemetry.runtime import OutboxMetrics

log = structlog.get_logger()

PAUSE = 1.0  # seconds between two looks while nothing waits
SOON = 0.1  # seconds until the next one where something did, and between any two but while batches are full
RETRY, LONGEST = 1.0, 10.0  # seconds after a failure, and after many: each time twice as long
LAST = 2.0  # seconds for what is under way when the process ends
BATCH = 200  # events; each is a few kilobytes
COUNTED = 10_000  # events that wait, at the most

type Run = Callable[[], Awaitable[float]]
type Rest = Callable[[float], Awaitable[None]]


class Around(Protocol):
    """What a batch is published in: a trace, or nothing."""

    def __call__[T](self, work: Awaitable[T], /) -> Awaitable[T]: ...


class Relay:
    """After a failure it asks the stream first, since a connection to the database is lent while it is told; and then
    tells one event: where answers come too late, a batch would be told again each time, and push out what is unread."""

    def __init__(self, outbox: Outbox, stream: Stream, metrics: OutboxMetrics, around: Around) -> None:
        self._outbox, self._stream, self._metrics, self._around = outbox, stream, metrics, around
        self._most = BATCH
        self._idle = False  # did nothing wait when it looked last?
        self._announced = asyncio.Event()
        self.announced = self._announced.set  # to be called after a commit of this process that left an event

    async def run(self) -> float:
        """One look and, where something waits, one batch: in how many seconds to look again. Raises Unavailable."""
        self._announced.clear()
        waiting = await self._outbox.fetch_waiting(COUNTED)
        self._idle = not waiting.events
        self._metrics.waiting(waiting.events, waiting.since)
        if not waiting.events:
            return PAUSE
        most, self._most = self._most, 1
        try:
            if most == 1:
                await self._stream.check()
            gone = await self._around(self._outbox.relay(self._stream.publish, most))
        except Exception:  # whatever it is, it is dealt with by who asked for the run
            self._metrics.failed()
            raise
        self._most = BATCH
        self._metrics.published(gone or 0)
        if gone == most:
            return 0
        return SOON if gone else PAUSE

    async def rest(self, seconds: float) -> None:
        """So long; where nothing waited, until an event is announced, but for no less than `SOON`. So who writes all
        the time publishes as many at once as unheard, and whose events others publish looks no more often."""
        if not self._idle:
            await asyncio.sleep(seconds)
            return
        await asyncio.sleep(SOON)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds - SOON):
                await self._announced.wait()


async def keep_published(
    run: Run, rest: Rest = asyncio.sleep, retry: float = RETRY, longest: float = LONGEST, last: float = LAST
) -> None:
    """`rest` is for when nothing fails. Runs until it is cancelled; what is under way then is brought to its end, so
    that nobody tells it again."""
    failures = 0
    while True:
        try:
            pause = await _whole(run, last)
            if failures:
                log.warning("events are published again")
            failures = 0
        except Unavailable as error:
            if not failures:
                log.warning("events wait to be published", reason=error.message)
            failures += 1
        except Exception:  # the outermost loop: a database that is not migrated yet, say; it must not end the job
            log.exception("events could not be published")
            failures += 1
        if failures:
            await asyncio.sleep(min(retry * 2 ** min(failures - 1, 16), longest))
        else:
            await rest(pause)


async def _whole(run: Run, last: float) -> float:
    running = asyncio.ensure_future(run())
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running}, timeout=last)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        raise
