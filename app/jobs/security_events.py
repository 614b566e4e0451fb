"""Security events are written soon after they happened, and forgotten in time (R23)."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from app.adapters.security_events import RecordedEvents
from app.kernel.errors import Unavailable

log = structlog.get_logger()

PAUSE = 0.2  # seconds in which events gather
RETRY = 2.0  # seconds while the database is away
LAST = 5.0  # seconds for what is left when the process ends
DAY = 24 * 3600.0  # seconds
RETRY_FORGETTING = 60.0  # seconds
MOST = 5_000  # events forgotten by one statement


async def keep_events(events: RecordedEvents, pause: float = PAUSE, retry: float = RETRY) -> None:
    """Runs until it is cancelled; then what waits is written, if that is possible."""
    try:
        while True:
            await events.arrived.wait()
            await asyncio.sleep(pause)
            try:
                await events.flush()
            except Unavailable as error:
                log.warning("security events wait for the database", reason=error.message, retry_seconds=retry)
                await asyncio.sleep(retry)
                events.arrived.set()
    finally:
        await _finish(events)


async def _finish(events: RecordedEvents) -> None:
    try:
        async with asyncio.timeout(LAST):
            await events.flush()
    except (Unavailable, TimeoutError):
        events.give_up()


async def forget_events(
    forget: Callable[[int, int], Awaitable[int]], days: int, day: float = DAY, retry: float = RETRY_FORGETTING
) -> None:
    """Runs until it is cancelled."""
    while True:
        try:
            forgotten = 0
            while (some := await forget(days, MOST)) > 0:
                forgotten += some
            log.info("old security events are forgotten", days=days, forgotten=forgotten)
            await asyncio.sleep(day)
        except Unavailable as error:
            log.warning("old security events could not be forgotten", reason=error.message, retry_seconds=retry)
            await asyncio.sleep(retry)
        except Exception:  # the outermost loop: a database that is not migrated yet, say; it must not end the job
            log.exception("old security events could not be forgotten", retry_seconds=retry)
            await asyncio.sleep(retry)
