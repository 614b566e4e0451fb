"""What the rate limit needs of a store of buckets."""

from datetime import datetime
from typing import Protocol

from app.domain.rate_limit.model import Draw


class Buckets(Protocol):
    """A token bucket per key: it holds up to `limit` points, starts full, and gains `limit` points a minute, evenly.

    A drop is 1 / DROPS of a point.
    """

    def take(self, key: str, limit: int, cost: int, now: datetime) -> Draw:
        """Takes `cost` points, or nothing where the bucket holds fewer; a cost of 0 just looks."""
        ...
