"""Attempts counted in this process: behind N of them there are up to N times as many."""

from app.domain.rate_limit.model import DROPS
from app.domain.rate_limit.ports import Buckets
from app.domain.session.ports import Attempt
from app.kernel.clock import Clock

MICROSECONDS = 1_000_000  # in a second


class BucketAttempts:
    """A token bucket per key: an attempt is a point."""

    def __init__(self, buckets: Buckets, now: Clock) -> None:
        self._buckets, self._now = buckets, now

    async def take(self, key: str, limit: int) -> Attempt:
        draw = self._buckets.take(key, limit, 1, self._now())
        if draw.taken:
            return Attempt(True)
        return Attempt(False, -(-(DROPS - draw.drops) // (limit * MICROSECONDS)))
