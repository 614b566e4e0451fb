"""RequestContext: the actor and one service per capability; it knows no framework."""

from dataclasses import field

from app.domain.api_token.service import ApiTokenService
from app.domain.audit.service import AuditService
from app.domain.feature.service import FeatureService
from app.domain.rate_limit.service import RateLimitService
from app.domain.security_event.service import SecurityEventService
from app.domain.user.administration import UserAdministration
from app.domain.user.service import UserService
from app.kernel.actor import Actor
from app.kernel.value import value


@value
class RequestContext:
    actor: Actor
    request_id: str
    rate_limit: RateLimitService
    cost: int  # of the operation, in points
    user: UserService
    feature: FeatureService
    audit: AuditService
    administration: UserAdministration
    security_event: SecurityEventService
    api_token: ApiTokenService
    memo: dict[object, object] = field(default_factory=dict)  # the loaders of this request; a write clears it
