"""What is known of a request while it runs, for its log line and its metrics."""

from collections.abc import Container
from dataclasses import dataclass

from starlette.types import Scope

from app.domain.rate_limit.model import Decision
from app.kernel.actor import GUEST, Actor
from app.kernel.position import Since

FACTS = "feature_api.facts"


@dataclass(slots=True)
class Facts:
    """Filled in by whoever answers. `route`: the template of the path, where the path is not its own; of a GraphQL
    operation its name, its kind, its text and its cost in points, as far as it came."""

    request_id: str
    actor: Actor = GUEST
    operation: str | None = None
    decision: Decision | None = None  # of the rate limit, where it was asked
    route: str | None = None
    plain: bool = False  # a secret may stand in the answer, beside what the caller said: never compressed (BREACH)
    trace_id: str | None = None  # where the request is traced
    kind: str | None = None
    document: str = ""
    cost: int | None = None
    wrote: bool = False  # a mutation was run, whatever became of it
    status: int = 0  # of the answer, once it has begun
    since: Since | None = None  # what the caller has seen, where there are replicas to read from

    @property
    def incident(self) -> str:
        """By which those who run the server find what went wrong: each line of the log has it."""
        return self.trace_id or self.request_id


def about(scope: Scope) -> Facts:
    facts = scope[FACTS]
    assert isinstance(facts, Facts)
    return facts


def route_of(facts: Facts, path: str, routes: Container[str]) -> str:
    """As metrics and spans name it. `routes`: the paths that are their own; what nobody knows is "other"."""
    return facts.route or (path if path in routes else "other")
