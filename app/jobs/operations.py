"""Recorded operations that nobody has sent for long are forgotten, a few at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from app.kernel.clock import Clock
from app.kernel.errors import Unavailable

log = structlog.get_logger()

FLUSH = 10.0  # seconds between two writes of what was counted
BATCH = 1_000  # rows in one statement
HOUR = 3600.0  # seconds
RETRY = 60.0  # seconds

type Purge = Callable[[datetime, int], Awaitable[int]]


async def purge_operations(purge: Purge, now: Clock, days: int, hour: float = HOUR, retry: float = RETRY) -> None:
    """Runs until it is cancelled."""
    while True:
        try:
            gone, batch = 0, BATCH
            while batch >= BATCH:
                batch = await purge(now() - timedelta(days=days), BATCH)
                gone += batch
            log.info("operations that nobody sends are forgotten", days=days, rows=gone)
            await asyncio.sleep(hour)
        except Unavailable as error:
            log.warning("operations could not be forgotten", reason=error.message, retry_seconds=retry)
            await asyncio.sleep(retry)
        except Exception:  # the outermost loop: it must not end the job
            log.exception("operations could not be forgotten", retry_seconds=retry)
            await asyncio.sleep(retry)
