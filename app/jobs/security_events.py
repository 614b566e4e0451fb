"""Security events are written soon after they happened (R23)."""

import asyncio

import structlog

from app.adapters.security_events import RecordedEvents
from app.kernel.errors import Unavailable

log = structlog.get_logger()

PAUSE = 0.2  # seconds in which events gather
RETRY = 2.0  # seconds while the database is away
LAST = 5.0  # seconds for what is left when the process ends


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
