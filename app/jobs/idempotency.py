"""Answers that were kept for Idempotency-Keys and have run out are deleted, a few at a time (R9)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from app.kernel.clock import Clock
from app.kernel.errors import Unavailable

log = structlog.get_logger()

BATCH = 1_000  # rows in one statement
HOUR = 3600.0  # seconds
RETRY = 60.0  # seconds

type Purge = Callable[[datetime, int], Awaitable[int]]


async def purge_answers(purge: Purge, now: Clock, hour: float = HOUR, retry: float = RETRY) -> None:
    """Runs until it is cancelled."""
    while True:
        try:
            gone, batch = 0, BATCH
            while batch >= BATCH:
                batch = await purge(now(), BATCH)
                gone += batch
            log.info("answers that have run out are deleted", rows=gone)
            await asyncio.sleep(hour)
        except Unavailable as error:
            log.warning("answers that have run out could not be deleted", reason=error.message, retry_seconds=retry)
            await asyncio.sleep(retry)
        except Exception:  # the outermost loop: it must not end the job
            log.exception("answers that have run out could not be deleted", retry_seconds=retry)
            await asyncio.sleep(retry)
