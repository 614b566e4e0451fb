"""One GraphQL operation: from what is asked to what is answered. It knows HTTP only as far as GraphQL does."""

from collections.abc import Callable

from graphql import GraphQLError

from app.context import ContextOf, OnceOf, RequestContext
from app.engine.operation import Engine, Operation, RequestError
from app.kernel.actor import Actor
from app.kernel.errors import DomainError, QueryTooComplex
from app.kernel.value import value
from app.web import errors
from app.web.answer import Answer, Answers
from app.web.asked import Asked
from app.web.cost import cost_report, costliest
from app.web.documents import Documents
from app.web.dry_run import dry_run
from app.web.once import keyed_mutation, run_once
from app.http.facts import Facts
from app.http.program import Program
from app.http.refused import Refused

type Seen = Callable[[str, str | None, Program], None]

PERISHABLE = "rateLimit"  # a field whose answer is another each time, and for guests by their address


@value
class Caller:
    """What is known of the request around the operation. `safe`: by a method that must not change anything; `key`: the
    header Idempotency-Key, unread."""

    actor: Actor
    facts: Facts
    client: str
    safe: bool
    legacy: bool
    wants_cost: bool
    key: str | None
    program: Program


class Runner:
    """`context_of` takes the actor, the request's id, the caller's address and the operation's cost in points;
    `seen` is told of what users run; `max_cost` in points; without `guests_introspect` the schema is shown only to
    those who have a token."""

    def __init__(
        self,
        engine: Engine,
        documents: Documents,
        context_of: ContextOf,
        once: OnceOf,
        seen: Seen,
        answers: Answers,
        max_cost: int,
        guests_introspect: bool,
    ) -> None:
        self._engine, self._documents, self._context_of, self._answers = engine, documents, context_of, answers
        self._max_cost, self._guests_introspect, self._once, self._seen = max_cost, guests_introspect, once, seen

    async def run(self, asked: Asked, caller: Caller) -> Answer:
        """Raises Refused, RequestError and DomainError."""
        found = await self._documents.find(asked)
        operation = self._engine.operation(found.text, asked.operation_name)
        caller.facts.operation, caller.facts.kind = operation.name, operation.kind
        caller.facts.document = found.text
        if operation.mutates:  # some make tokens
            caller.facts.plain = caller.facts.wrote = True
        self._admit(operation, caller)
        keyed = None
        if caller.key is not None and operation.mutates and caller.actor.user_id is not None:
            keyed = keyed_mutation(caller.actor, caller.key, operation, self._engine.schema, found.text, asked.variables)
        cost = operation.price.of(asked.variables)
        caller.facts.cost = cost
        dearest = costliest(operation.price, asked.variables)
        since = None if caller.facts.wrote else caller.facts.since
        context = self._context_of(caller.actor, caller.facts.request_id, caller.client, cost, since)
        perishable = PERISHABLE in found.text
        if perishable and (dry := dry_run(operation, asked.variables)) is not None:
            operation = dry
        elif cost > self._max_cost:
            raise QueryTooComplex(cost, self._max_cost, f"at most {self._max_cost} are allowed", dearest())
        else:
            try:
                await context.rate_limit.charge(cost, dearest)
            finally:
                caller.facts.decision = context.rate_limit.decision
            if caller.actor.user_id is not None:  # else anybody could fill the table
                self._seen(found.text, operation.name, caller.program)
            if found.register is not None and caller.actor.user_id is not None:  # else anybody could fill the store
                await self._documents.keep(found)
        if keyed is not None:
            once = self._once(keyed, caller.actor, caller.facts.request_id, caller.client, cost)
            return await run_once(once, lambda context: self._execute(operation, asked, context, caller))
        answer = await self._execute(operation, asked, context, caller)
        answer.kept = answer.kept and found.kept and not perishable
        return answer

    async def _execute(self, operation: Operation, asked: Asked, context: RequestContext, caller: Caller) -> Answer:
        """`kept`: as far as the result is concerned."""
        result = await self._engine.execute(operation, asked.variables, context)
        extensions = None
        if caller.wants_cost:
            extensions = cost_report(operation.price, asked.variables, self._max_cost)
        if result.errors:
            for cause in map(errors.cause_of, result.errors):
                if isinstance(cause, DomainError):
                    context.security_event.denied(cause)
            failures = errors.format_failures(result.errors, caller.facts.incident)
            if result.data is None and all(error.path is None for error in result.errors):
                return self._answers.of_refusals(failures, caller.legacy)  # of variables, before anything was run
            return self._answers.of(result.data, failures, extensions, caller.legacy)
        answer = self._answers.of(result.data, [], extensions, caller.legacy)
        answer.kept = extensions is None
        return answer

    def _admit(self, operation: Operation, caller: Caller) -> None:
        if caller.safe and operation.mutates:
            raise Refused(405, "METHOD_NOT_ALLOWED", "A mutation needs POST.", {"allow": "POST"})
        # Asked of the caller, each time: the document and what is wrong with it are remembered for all callers alike.
        if operation.introspects and not self._guests_introspect and caller.actor.user_id is None:
            raise _no_introspection()


def _no_introspection() -> RequestError:
    message = "Only users may ask for the schema: send a token, or read schema.graphql."
    return RequestError("validate", [GraphQLError(message, extensions={"code": "INTROSPECTION_REFUSED"})])
