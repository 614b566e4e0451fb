"""What is kept for some days is forgotten once a day, a few rows at a time (R23, R82)."""

from collections.abc import Awaitable, Callable

import structlog

from app.jobs.again import DAY, RETRY, again, while_full

log = structlog.get_logger()

MOST = 5_000  # rows forgotten by one statement

type Forget = Callable[[int, int], Awaitable[int]]


async def keep_for(days: int, forget: Forget, what: str, day: float = DAY, retry: float = RETRY) -> None:
    """Runs until it is cancelled. `forget` takes the days and how many at most; `what`, for the log."""

    async def work() -> None:
        forgotten = await while_full(lambda: forget(days, MOST), 1)  # it may forget fewer than there are
        log.info("what is old is forgotten", what=what, days=days, forgotten=forgotten)

    await again(work, "what is old could not be forgotten", day, retry, what=what)
