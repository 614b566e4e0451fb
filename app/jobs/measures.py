"""What is measured only when somebody looks is measured again and again, where another process may be asked (R61)."""

import asyncio
from collections.abc import Callable

SECONDS = 5.0


async def keep_measured(measure: Callable[[], None], seconds: float = SECONDS) -> None:
    """Runs until it is cancelled."""
    while True:
        measure()
        await asyncio.sleep(seconds)
