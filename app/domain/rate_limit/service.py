"""What the business does with rate limits: every operation is paid for in points before it runs."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from app.domain.rate_limit.model import DROPS, PointLimits, RateLimit
from app.domain.rate_limit.ports import Buckets
from app.kernel.actor import Actor
from app.kernel.clock import Clock
from app.kernel.errors import PathCost, QueryTooComplex, RateLimited

MICROSECONDS = 1_000_000  # in a second


class RateLimitService:
    """`client` tells guests apart, by their address; a user has one bucket wherever they come from."""

    def __init__(self, actor: Actor, buckets: Buckets, now: Clock, limits: PointLimits, client: str) -> None:
        self._buckets, self._now = buckets, now
        if actor.user_id is None:
            self._key, self._limit = f"guest:{client}", limits.guest
        else:
            self._key, self._limit = f"user:{actor.user_id.hex}", limits.user

    def charge(self, cost: int, costliest: Callable[[], Sequence[PathCost]] = tuple) -> None:
        """Takes `cost` points. Raises RateLimited where fewer are left, and QueryTooComplex where even a full bucket
        holds fewer, since to wait does not help; then nothing is taken. `costliest` says what of it costs most, and
        is asked for that alone. Raises ValueError for less than 0 points."""
        if cost < 0:
            raise ValueError(f"a cost cannot be negative: it is {cost}")
        if cost > self._limit:
            raise QueryTooComplex(cost, self._limit, f"you have {self._limit} a minute", costliest())
        draw = self._buckets.take(self._key, self._limit, cost, self._now())
        if not draw.taken:
            wait = _refill(cost * DROPS - draw.drops, self._limit)
            raise RateLimited(self._limit, cost, _up(wait, MICROSECONDS))

    def status(self, cost: int) -> RateLimit:
        """Where the actor stands now; takes nothing, `cost` is only passed on."""
        now = self._now()
        return self._standing(cost, self._buckets.take(self._key, self._limit, 0, now).drops, now)

    def _standing(self, cost: int, drops: int, now: datetime) -> RateLimit:
        full_in = timedelta(microseconds=_refill(self._limit * DROPS - drops, self._limit))
        return RateLimit(self._limit, drops // DROPS, cost, now + full_in)


def _refill(drops: int, limit: int) -> int:
    """Microseconds, rounded up, in which a bucket gains that many."""
    return _up(drops, limit)


def _up(amount: int, unit: int) -> int:
    """How many units hold the amount."""
    return -(-amount // unit)
