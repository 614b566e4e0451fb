"""What every job by the clock does: it works, it waits, and no failure ends it."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from app.kernel.errors import Unavailable

log = structlog.get_logger()

HOUR = 3600.0  # seconds
DAY = 24 * HOUR
RETRY = 60.0  # seconds


async def again(work: Callable[[], Awaitable[None]], failure: str, every: float, retry: float, **facts: object) -> None:
    """Runs until it is cancelled; `every` and `retry` in seconds. `failure` and `facts` are logged where it fails."""
    while True:
        try:
            await work()
            pause = every
        except Unavailable as error:
            log.warning(failure, reason=error.message, retry_seconds=retry, **facts)
            pause = retry
        except Exception:  # the outermost loop: a database that is not migrated yet, say; it must not end the job
            log.exception(failure, retry_seconds=retry, **facts)
            pause = retry
        await asyncio.sleep(pause)


async def while_full(batch: Callable[[], Awaitable[int]], most: int) -> int:
    """How many rows went in all: again and again, until fewer went than `most`."""
    gone = last = await batch()
    while last >= most:
        last = await batch()
        gone += last
    return gone
