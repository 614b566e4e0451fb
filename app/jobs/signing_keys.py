"""The database's signing keys are read again, every few seconds (R21)."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from app.kernel.errors import Unavailable

log = structlog.get_logger()

RETRY = 1.0  # seconds; without fresh keys nobody can log in


async def keep_signing_keys(read: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Runs until it is cancelled."""
    away = False
    while True:
        try:
            await read()
            away = False
        except Unavailable as error:
            if not away:
                log.warning("signing keys could not be read: the last known go on", reason=error.message)
            away = True
        except Exception:  # the outermost loop: a database that is not migrated yet, say; it must not end the job
            log.exception("signing keys could not be read")
        await asyncio.sleep(min(seconds, RETRY) if away else seconds)
