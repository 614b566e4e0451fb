"""What one may ask for over REST: in a minute by role, and in an hour by kind of act (R26)."""

from app.domain.rate_limit.model import Decision, Policies
from app.domain.rate_limit.service import Limiter, key_of
from app.kernel.actor import Actor
from app.rest.route import Method


class ActLimits:
    def __init__(self, limiter: Limiter, policies: Policies) -> None:
        self._limiter, self._policies = limiter, policies

    async def take(self, method: Method, actor: Actor, client: str) -> Decision:
        """By the act's policy; by the role's where that refuses. `client` is the caller's address."""
        key = key_of(actor, client)
        by_role = self._policies.guest if actor.user_id is None else self._policies.user
        decision = await self._limiter.take(key, by_role)
        return await self._limiter.take(key, self._policies.of_method(method)) if decision.allowed else decision
