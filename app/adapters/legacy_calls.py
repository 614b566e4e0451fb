"""Calls of REST v1 are counted in memory and written in batches, so that no call waits for it (R82)."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime

from app.kernel.clock import Clock
from app.kernel.ids import UserId
from app.telemetry.metrics import LegacyMetrics

MOST = 10_000  # counts that wait: beyond, and with the database away, calls of who is not among them go uncounted

type Counts = Mapping[tuple[UserId, date, str], tuple[int, datetime]]


class CountedLegacyCalls:
    def __init__(self, write: Callable[[Counts], Awaitable[None]], metrics: LegacyMetrics, now: Clock) -> None:
        self._write, self._metrics, self._now = write, metrics, now
        self._counts: dict[tuple[UserId, date, str], tuple[int, datetime]] = {}

    def count(self, user_id: UserId, operation: str) -> None:
        """`operation`: method and template of the path."""
        now = self._now()
        self._metrics.record(user_id, operation)
        self._add((user_id, now.date(), operation), 1, now)

    async def note(self) -> None:
        """What cannot be written now is kept for the next time. Raises Unavailable."""
        counts, self._counts = self._counts, {}
        try:
            await self._write(counts)
        except BaseException:  # cancelled, too
            newer, self._counts = self._counts, counts
            for key, (calls, last) in newer.items():
                self._add(key, calls, last)
            raise

    def _add(self, key: tuple[UserId, date, str], calls: int, last: datetime) -> None:
        known = self._counts.get(key)
        if known is not None:
            self._counts[key] = known[0] + calls, max(last, known[1])
        elif len(self._counts) < MOST:
            self._counts[key] = calls, last
