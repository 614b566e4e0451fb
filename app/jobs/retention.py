"""What is kept for some days is forgotten once a day, a few rows at a time (R23, R82)."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from app.kernel.errors import Unavailable

log = structlog.get_logger()

DAY = 24 * 3600.0  # seconds
RETRY = 60.0  # seconds
MOST = 5_000  # rows forgotten by one statement

type Forget = Callable[[int, int], Awaitable[int]]


async def keep_for(days: int, forget: Forget, what: str, day: float = DAY, retry: float = RETRY) -> None:
    """Runs until it is cancelled. `forget` takes the days and how many at most; `what`, for the log."""
    while True:
        try:
            forgotten = 0
            while (some := await forget(days, MOST)) > 0:
                forgotten += some
            log.info("what is old is forgotten", what=what, days=days, forgotten=forgotten)
            await asyncio.sleep(day)
        except Unavailable as error:
            log.warning("what is old could not be forgotten", what=what, reason=error.message, retry_seconds=retry)
            await asyncio.sleep(retry)
        except Exception:  # the outermost loop: a database that is not migrated yet, say; it must not end the job
            log.exception("what is old could not be forgotten", what=what, retry_seconds=retry)
            await asyncio.sleep(retry)
