"""What the business does with rate limits: every operation is paid for in points before it runs."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from app.domain.rate_limit.model import Decision, PointLimits, Policy, RateLimit
from app.domain.rate_limit.ports import Buckets
from app.kernel.actor import Actor
from app.kernel.clock import Clock
from app.kernel.errors import PathCost, QueryTooComplex, RateLimited


class Limiter:
    """Any policy, by any key: an act over REST by its actor, a login by its address and by its account."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets

    async def take(self, key: str, policy: Policy, points: int = 1) -> Decision:
        """`key` says whose bucket it is, and never holds a secret or a name in clear."""
        draw = await self._buckets.take(key, policy, points)
        return Decision(policy, draw.taken, points, draw.drops)


class RateLimitService:
    """`client` tells guests apart, by their address; a user has one bucket wherever they come from. `decision` is what
    the last charge came to, for those who tell the caller."""

    def __init__(self, actor: Actor, limiter: Limiter, now: Clock, limits: PointLimits, client: str) -> None:
        self._limiter, self._now = limiter, now
        self.decision: Decision | None = None
        self._key = key_of(actor, client)
        self._policy = limits.of_guest if actor.user_id is None else limits.of_user

    async def charge(self, cost: int, costliest: Callable[[], Sequence[PathCost]] = tuple) -> None:
        """Takes `cost` points. Raises RateLimited where fewer are left, and QueryTooComplex where even a full bucket
        holds fewer, since to wait does not help; then nothing is taken. `costliest` says what of it costs most, and
        is asked for that alone. Raises ValueError for less than 0 points."""
        policy = self._policy
        if cost < 0:
            raise ValueError(f"a cost cannot be negative: it is {cost}")
        if cost > policy.limit:
            raise QueryTooComplex(cost, policy.limit, f"you have {policy.limit} a minute", costliest())
        self.decision = await self._limiter.take(self._key, policy, cost)
        if not self.decision.allowed:
            raise RateLimited(policy.limit, cost, self.decision.retry_after)

    async def status(self, cost: int) -> RateLimit:
        """Where the actor stands now; takes nothing, `cost` is only passed on."""
        found = await self._limiter.take(self._key, self._policy, 0)
        reset_at = self._now() + timedelta(microseconds=found.full_in)
        return RateLimit(self._policy.limit, found.remaining, cost, reset_at)


def key_of(actor: Actor, client: str) -> str:
    """Whose bucket: a user's, or that of all guests from one address."""
    return f"guest:{client}" if actor.user_id is None else f"user:{actor.user_id.hex}"
