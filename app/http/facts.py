"""What is known of a request while it runs, for its log line and its metrics."""

from dataclasses import dataclass

from starlette.types import Scope

from app.domain.rate_limit.model import Decision
from app.kernel.actor import GUEST, Actor

FACTS = "feature_api.facts"


@dataclass(slots=True)
class Facts:
    """Filled in by whoever answers. `route`: the template of the path, where the path is not its own."""

    request_id: str
    actor: Actor = GUEST
    operation: str | None = None
    decision: Decision | None = None  # of the rate limit, where it was asked
    route: str | None = None
    plain: bool = False  # a secret may stand in the answer, beside what the caller said: never compressed (BREACH)


def about(scope: Scope) -> Facts:
    facts = scope[FACTS]
    assert isinstance(facts, Facts)
    return facts
