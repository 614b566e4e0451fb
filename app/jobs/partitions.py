"""The audit log's partitions are made ahead: at start, and once a day (R41)."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from app.kernel.errors import Unavailable

log = structlog.get_logger()

MONTHS_AHEAD = 3
DAY = 24 * 3600.0  # seconds
RETRY = 60.0  # seconds; three months ahead leave time enough


async def keep_partitions(make: Callable[[int], Awaitable[int]], day: float = DAY, retry: float = RETRY) -> None:
    """Runs until it is cancelled."""
    while True:
        try:
            made = await make(MONTHS_AHEAD)
            log.info("audit partitions are ahead", months=MONTHS_AHEAD, made=made)
            await asyncio.sleep(day)
        except Unavailable as error:
            log.warning("audit partitions could not be made", reason=error.message, retry_seconds=retry)
            await asyncio.sleep(retry)
        except Exception:  # the outermost loop: a database that is not migrated yet, say; it must not end the job
            log.exception("audit partitions could not be made", retry_seconds=retry)
            await asyncio.sleep(retry)
