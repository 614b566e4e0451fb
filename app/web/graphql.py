"""The GraphQL endpoint: HTTP in, engine, HTTP out (GraphQL over HTTP); GraphiQL for a browser in development."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from app.context import ContextOf, OnceOf
from app.engine.operation import Engine
from app.kernel.actor import GUEST, Actor
from app.http.accept import preferred
from app.web.answer import Answer, Answers, Statuses
from app.web.asked import asked_of
from app.http.client import client_of
from app.web.cost import asks_for_cost
from app.web.documents import Documents
from app.web.graphiql import graphiql_page
from app.http.facts import about
from app.http.headers import Headers, read_headers
from app.http.program import program_of
from app.http.rate_headers import rate_limit_headers
from app.http.refused import Refused
from app.web.request import read_body, read_query
from app.web.respond import Reply, respond, respond_to_get
from app.web.measured import Run
from app.web.run import Caller, Runner, Seen

MODERN = "application/graphql-response+json"
LEGACY = "application/json"
ALLOW = {"allow": "GET, HEAD, POST, OPTIONS"}
PARAMETERS = (b"query=", b"documentId=", b"extensions=")  # each makes a GET a request rather than a visit


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    max_body_bytes: int
    max_query_bytes: int  # of a GET's query string
    max_batch: int  # operations in one request; 0: no lists
    max_cost: int  # points
    max_age: int  # seconds
    graphiql: bool
    guests_introspect: bool
    statuses: Statuses = field(default_factory=Statuses)


class GraphQLEndpoint:
    """`actor_of` takes the Authorization header; for `context_of` see Runner."""

    def __init__(
        self,
        engine: Engine,
        documents: Documents,
        actor_of: Callable[[str | None], Awaitable[Actor]],
        context_of: ContextOf,
        once: OnceOf,
        seen: Seen,
        settings: EndpointSettings,
        watched: Callable[[Run], Run] = lambda run: run,
    ) -> None:
        """`watched` is given what runs an operation, and may look on."""
        self._actor_of, self._settings = actor_of, settings
        self._answers = Answers(settings.statuses)
        runner = Runner(
            engine, documents, context_of, once, seen, self._answers, settings.max_cost, settings.guests_introspect
        )
        self._run = watched(runner.run)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (await self._respond(scope, receive))(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive) -> ASGIApp:
        method, media, facts = scope["method"], LEGACY, about(scope)
        headers: Headers = {}
        try:
            if method == "OPTIONS":
                return Reply(204, [(b"allow", ALLOW["allow"].encode())])
            if method not in ("POST", "GET", "HEAD"):
                raise Refused(405, "METHOD_NOT_ALLOWED", "Use POST, or GET for a query.", ALLOW)
            headers = read_headers(scope)
            if method != "POST" and self._is_visit(scope, headers):
                return graphiql_page()
            media = _media(headers)
            facts.actor = await self._actor_of(headers.get(b"authorization"))
            answer = await self._answer(scope, receive, headers, media)
        except Exception as error:  # the outermost: whatever it is, the caller gets an answer of our form
            answer = self._answers.to(error, media == LEGACY, facts.incident)
        limit = () if facts.decision is None else rate_limit_headers(facts.decision)
        if method == "POST":
            return respond(answer, media, limit)
        unless, guest = headers.get(b"if-none-match"), facts.actor is GUEST
        return respond_to_get(answer, media, limit, unless, guest, self._settings.max_age)

    def _is_visit(self, scope: Scope, headers: Headers) -> bool:
        """A browser comes for GraphiQL."""
        query: bytes = scope["query_string"]
        if not self._settings.graphiql or any(name in query for name in PARAMETERS):
            return False
        return preferred(headers.get(b"accept"), (LEGACY, "text/html")) == "text/html"

    async def _answer(self, scope: Scope, receive: Receive, headers: Headers, media: str) -> Answer:
        facts, safe = about(scope), scope["method"] != "POST"
        key = None if safe else headers.get(b"idempotency-key")
        cost, program = asks_for_cost(headers), program_of(headers)
        caller = Caller(facts.actor, facts, client_of(scope), safe, media == LEGACY, cost, key, program)
        if safe:
            parameters: Any = read_query(scope["query_string"], headers, self._settings.max_query_bytes)
        else:
            parameters = await read_body(receive, headers, self._settings.max_body_bytes)
            if isinstance(parameters, list):
                return await self._answer_each(parameters, caller)
        return await self._run(asked_of(parameters), caller)

    async def _answer_each(self, batch: Sequence[object], caller: Caller) -> Answer:
        """One after the other, so that each is charged and mutations keep their order; 200, whatever became of each."""
        if not 0 < len(batch) <= self._settings.max_batch:
            limit = self._settings.max_batch
            message = f"A list must have 1 to {limit} requests." if limit else "Send one request, not a list."
            raise Refused(400, "BAD_REQUEST", message)
        if caller.key is not None:
            raise Refused(400, "BAD_REQUEST", "An `Idempotency-Key` is for one request: send no list with it.")
        return Answer(200, [(await self._one_of_batch(parameters, caller)).body for parameters in batch])

    async def _one_of_batch(self, parameters: object, caller: Caller) -> Answer:
        try:
            return await self._run(asked_of(parameters), caller)
        except Exception as error:  # outermost for this one: the others are answered all the same
            return self._answers.to(error, caller.legacy, caller.facts.incident)


def _media(headers: Headers) -> str:
    """Raises Refused. Who does not name the modern type, as with `*/*` or nothing, gets what every client can read."""
    accept = headers.get(b"accept")
    media = preferred(accept, (MODERN, LEGACY) if accept and MODERN in accept.lower() else (LEGACY, MODERN))
    if media is None:
        raise Refused(406, "NOT_ACCEPTABLE", f"Accept {MODERN} or {LEGACY}, in UTF-8.")
    return media
