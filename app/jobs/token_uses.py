"""When API tokens were last used is written once a minute, off the requests' path, and when the process ends (R25)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from app.kernel.errors import Unavailable

log = structlog.get_logger()

MINUTE = 60.0  # seconds
LAST = 2.0  # seconds that the last time may take


async def keep_token_uses(note: Callable[[], Awaitable[None]], every: float = MINUTE) -> None:
    """Runs until it is cancelled; then it writes what there is."""
    try:
        while True:
            await asyncio.sleep(every)
            await _noted(note)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST):
                await _noted(note)


async def _noted(note: Callable[[], Awaitable[None]]) -> None:
    try:
        await note()
    except Unavailable as error:
        log.warning("uses of API tokens could not be written", reason=error.message)
    except Exception:  # the outermost loop: it must not end the job
        log.exception("uses of API tokens could not be written")
