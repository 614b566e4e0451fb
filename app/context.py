"""RequestContext: the actor and one service per capability; it knows no framework."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from app.domain.api_token.service import ApiTokenService
from app.domain.audit.service import AuditService
from app.domain.feature.service import FeatureService
from app.domain.idempotency.model import KeptAnswer, KeyedRequest
from app.domain.rate_limit.service import RateLimitService
from app.domain.security_event.service import SecurityEventService
from app.domain.user.administration import UserAdministration
from app.domain.user.service import UserService
from app.kernel.actor import Actor
from app.kernel.around import Around
from app.kernel.position import Since
from app.kernel.value import value


@value
class Rare:
    """Services that few requests ask for."""

    administration: UserAdministration
    security_event: SecurityEventService
    api_token: ApiTokenService


@dataclass(slots=True)
class RequestContext:
    actor: Actor
    request_id: str
    rate_limit: RateLimitService
    cost: int  # of the operation, in points
    user: UserService
    feature: FeatureService
    audit: AuditService
    make_rare: Callable[[], Rare]  # once, when the first of them is asked for
    memo: dict[object, object] = field(default_factory=dict)  # the loaders of this request; a write clears it
    around: Around | None = None  # looks on as its batches are loaded
    made: Rare | None = None

    @property
    def administration(self) -> UserAdministration:
        return self._rare().administration

    @property
    def security_event(self) -> SecurityEventService:
        return self._rare().security_event

    @property
    def api_token(self) -> ApiTokenService:
        return self._rare().api_token

    def _rare(self) -> Rare:
        if self.made is None:
            self.made = self.make_rare()
        return self.made


@value
class Once:
    """A keyed request: what it was answered before, or else the context whose writes wait for `keep`, which commits
    them together with the answer. Raises Unavailable where any of them failed."""

    context: RequestContext
    kept: KeptAnswer | None
    keep: Callable[[KeptAnswer], Awaitable[None]]


# Takes the actor, the request's id, the caller's address, the operation's cost in points, and of a request that only
# reads what the caller has seen; None: it reads what there is.
type ContextOf = Callable[[Actor, str, str, int, Since | None], RequestContext]
# The first four, for a keyed request. What is not kept when the block ends was not done. Raises KeyReused,
# KeyInProgress and Unavailable.
type OnceOf = Callable[[KeyedRequest, Actor, str, str, int], AbstractAsyncContextManager[Once]]
