"""What the rate limit needs of a store of buckets."""

from typing import Protocol

from app.domain.rate_limit.model import Draw, Policy


class Buckets(Protocol):
    """A bucket per policy and key."""

    async def take(self, key: str, policy: Policy, points: int) -> Draw:
        """Takes the points, or nothing where the bucket holds fewer; 0 points just look. It always answers, and soon:
        a store that is away is its own affair."""
        ...
