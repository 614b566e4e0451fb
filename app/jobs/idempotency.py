"""Answers that were kept for Idempotency-Keys and have run out are deleted, a few at a time (R9)."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from app.jobs.again import HOUR, RETRY, again, while_full
from app.kernel.clock import Clock

log = structlog.get_logger()

BATCH = 1_000  # rows in one statement

type Purge = Callable[[datetime, int], Awaitable[int]]


async def purge_answers(purge: Purge, now: Clock, hour: float = HOUR, retry: float = RETRY) -> None:
    """Runs until it is cancelled."""

    async def work() -> None:
        gone = await while_full(lambda: purge(now(), BATCH), BATCH)
        log.info("answers that have run out are deleted", rows=gone)

    await again(work, "answers that have run out could not be deleted", hour, retry)
