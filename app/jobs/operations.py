"""Recorded operations that nobody has sent for long are forgotten, a few at a time."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from app.jobs.again import HOUR, RETRY, again, while_full
from app.kernel.clock import Clock

log = structlog.get_logger()

FLUSH = 10.0  # seconds between two writes of what was counted
BATCH = 1_000  # rows in one statement

type Purge = Callable[[datetime, int], Awaitable[int]]


async def purge_operations(purge: Purge, now: Clock, days: int, hour: float = HOUR, retry: float = RETRY) -> None:
    """Runs until it is cancelled."""

    async def work() -> None:
        gone = await while_full(lambda: purge(now() - timedelta(days=days), BATCH), BATCH)
        log.info("operations that nobody sends are forgotten", days=days, rows=gone)

    await again(work, "operations could not be forgotten", hour, retry)
