"""The audit log's partitions are made ahead: at start, and once a day (R41)."""

from collections.abc import Awaitable, Callable

import structlog

from app.jobs.again import DAY, RETRY, again

log = structlog.get_logger()

MONTHS_AHEAD = 3  # they leave time enough to try again


async def keep_partitions(make: Callable[[int], Awaitable[int]], day: float = DAY, retry: float = RETRY) -> None:
    """Runs until it is cancelled."""

    async def work() -> None:
        made = await make(MONTHS_AHEAD)
        log.info("audit partitions are ahead", months=MONTHS_AHEAD, made=made)

    await again(work, "audit partitions could not be made", day, retry)
