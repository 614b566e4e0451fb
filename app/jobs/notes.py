"""What is noted in memory is written once a minute, off the requests' path, and when the process ends: when API tokens
were last used (R25), and who calls REST v1."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from app.kernel.errors import Unavailable

log = structlog.get_logger()

MINUTE = 60.0  # seconds
LAST = 2.0  # seconds that the last time may take


async def keep_notes(note: Callable[[], Awaitable[None]], what: str, every: float = MINUTE) -> None:
    """Runs until it is cancelled; then it writes what there is. `what`, for the log."""
    try:
        while True:
            await asyncio.sleep(every)
            await _noted(note, what)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST):
                await _noted(note, what)


async def _noted(note: Callable[[], Awaitable[None]], what: str) -> None:
    try:
        await note()
    except Unavailable as error:
        log.warning("notes could not be written", what=what, reason=error.message)
    except Exception:  # the outermost loop: it must not end the job
        log.exception("notes could not be written", what=what)
