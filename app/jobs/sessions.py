"""Sessions that have ended and refresh tokens that nobody can use any more are deleted, a few at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from app.kernel.clock import Clock
from app.kernel.errors import Unavailable

log = structlog.get_logger()

KEPT = timedelta(days=1)  # after its end, for whoever looks into what happened
BATCH = 1_000  # rows of each table in one statement
HOUR = 3600.0  # seconds
RETRY = 60.0  # seconds

type Purge = Callable[[datetime, datetime, int], Awaitable[int]]


async def purge_sessions(
    purge: Purge, now: Clock, refresh_ttl: float, hour: float = HOUR, retry: float = RETRY
) -> None:
    """Runs until it is cancelled. `refresh_ttl` in seconds: a token that was spent so long ago would have run out, and
    is no sign of theft any more."""
    while True:
        try:
            gone, batch = 0, BATCH
            while batch >= BATCH:
                batch = await purge(now() - KEPT, now() - timedelta(seconds=refresh_ttl), BATCH)
                gone += batch
            log.info("ended sessions are deleted", rows=gone)
            await asyncio.sleep(hour)
        except Unavailable as error:
            log.warning("ended sessions could not be deleted", reason=error.message, retry_seconds=retry)
            await asyncio.sleep(retry)
        except Exception:  # the outermost loop: a database that is not migrated yet, say; it must not end the job
            log.exception("ended sessions could not be deleted", retry_seconds=retry)
            await asyncio.sleep(retry)
