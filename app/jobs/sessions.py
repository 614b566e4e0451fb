"""Sessions that have ended and refresh tokens that nobody can use any more are deleted, a few at a time."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from app.jobs.again import HOUR, RETRY, again, while_full
from app.kernel.clock import Clock

log = structlog.get_logger()

KEPT = timedelta(days=1)  # after its end, for whoever looks into what happened
BATCH = 1_000  # rows of each table in one statement

type Purge = Callable[[datetime, datetime, int], Awaitable[int]]


async def purge_sessions(
    purge: Purge, now: Clock, refresh_ttl: float, hour: float = HOUR, retry: float = RETRY
) -> None:
    """Runs until it is cancelled. `refresh_ttl` in seconds: a token that was spent so long ago would have run out, and
    is no sign of theft any more."""

    async def work() -> None:
        spent = timedelta(seconds=refresh_ttl)
        gone = await while_full(lambda: purge(now() - KEPT, now() - spent, BATCH), BATCH)
        log.info("ended sessions are deleted", rows=gone)

    await again(work, "ended sessions could not be deleted", hour, retry)
