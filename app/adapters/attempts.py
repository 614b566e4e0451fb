"""Attempts counted by the rate limit's buckets, which all processes share."""

from functools import lru_cache

from app.domain.rate_limit.model import Policy
from app.domain.rate_limit.service import Limiter
from app.domain.session.ports import Attempt


class LimitedAttempts:
    """A port `Attempts`: an attempt is a point."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    async def take(self, key: str, limit: int) -> Attempt:
        decision = await self._limiter.take(key, _policy(limit))
        return Attempt(decision.allowed, decision.retry_after)


@lru_cache(16)
def _policy(limit: int) -> Policy:
    return Policy("attempts", limit)
