"""What is told of each GraphQL operation: time, cost and errors by its name, and its span where there is a trace."""

import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from hashlib import sha256

from app.http.refused import Refused
from app.kernel.errors import DomainError
from app.telemetry.runtime import OperationMetrics
from app.telemetry.spans import Recording, Sort, Value, here
from app.web.answer import Answer
from app.web.asked import Asked
from app.web.run import Caller

OURS = ("INTERNAL", "UNAVAILABLE")  # codes of errors that are not the caller's
REFUSED = "REFUSED"  # what stands for the code of a document that does not parse or validate
LONGEST = 100  # characters of a name
REMEMBERED = 4_096  # characters of a document; what is said of a longer one is made anew
UNREAD = Sort("GraphQL")

type Run = Callable[[Asked, Caller], Awaitable[Answer]]


def measured(run: Run, metrics: OperationMetrics, traced: bool) -> Run:
    """`run` as Runner's."""

    async def watched(asked: Asked, caller: Caller) -> Answer:
        facts, started = caller.facts, time.perf_counter()
        facts.operation, facts.document, facts.cost, facts.kind = None, "", None, None
        code: str | None = REFUSED
        try:
            if traced and facts.trace_id is not None and (around := here()) is not None:
                answer, code = await _traced(around, asked, caller)
            else:
                answer = await run(asked, caller)
                code = _code(answer)
            return answer
        except (DomainError, Refused) as error:
            code = error.code
            raise
        finally:
            user = caller.actor.user_id is not None
            metrics.record(facts.operation, user, time.perf_counter() - started, facts.cost, code)

    async def _traced(around: Recording, asked: Asked, caller: Caller) -> tuple[Answer, str | None]:
        """And the code of its first error."""
        with around.child(UNREAD) as span:
            try:
                answer = await run(asked, caller)
                if (code := _code(answer)) is not None:
                    span.attributes["graphql.error.code"] = code
                    if code in OURS:
                        span.fail(code)
                return answer, code
            finally:
                _describe(span, caller)

    return watched


def _describe(span: Recording, caller: Caller) -> None:
    facts = caller.facts
    if facts.kind is not None:
        sort = _sort_of if len(facts.document) <= REMEMBERED else _sort_of.__wrapped__
        span.sort = sort(facts.kind, facts.operation, facts.document, facts.cost)


@lru_cache(1_024)
def _sort_of(kind: str, operation: str | None, document: str, cost: int | None) -> Sort:
    attributes: dict[str, Value] = {"graphql.operation.type": kind}
    if operation is not None:
        attributes["graphql.operation.name"] = operation[:LONGEST]
    attributes["graphql.document.hash"] = f"sha256:{sha256(document.encode()).hexdigest()}"
    if cost is not None:
        attributes["graphql.operation.cost"] = cost
    return Sort(f"GraphQL {kind}", attributes=attributes)


def _code(answer: Answer) -> str | None:
    """Of the first error."""
    errors = answer.body.get("errors") if isinstance(answer.body, dict) else None
    return str(errors[0]["extensions"]["code"]) if errors else None
