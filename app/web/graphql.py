"""The GraphQL endpoint: HTTP in, engine, HTTP out (GraphQL over HTTP); GraphiQL for a browser in development."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.context import RequestContext
from app.engine.operation import Engine, RequestError
from app.kernel.actor import Actor
from app.kernel.errors import DomainError, QueryTooComplex, RateLimited, Unauthenticated, Unavailable
from app.web import errors
from app.web.accept import preferred
from app.web.client import client_of
from app.web.cost import asks_for_cost, cost_report, costliest
from app.web.dry_run import dry_run
from app.web.graphiql import graphiql_page
from app.web.observe import about
from app.web.request import Refused, read_request

log = structlog.get_logger()

MODERN = "application/graphql-response+json"
LEGACY = "application/json"
STATUS_OF_PHASE: Mapping[str, int] = {"parse": 400, "operation": 400, "validate": 422, "limits": 422}


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    max_body_bytes: int
    max_cost: int  # points
    graphiql: bool


class GraphQLEndpoint:
    """`actor_of` takes the Authorization header; `context_of` makes what resolvers see, from the actor, the request's
    id, the caller's address and the operation's cost in points."""

    def __init__(
        self,
        engine: Engine,
        actor_of: Callable[[str | None], Awaitable[Actor]],
        context_of: Callable[[Actor, str, str, int], RequestContext],
        settings: EndpointSettings,
    ) -> None:
        self._engine, self._actor_of, self._context_of = engine, actor_of, context_of
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in ("GET", "POST"):
            allow = {"allow": "GET, POST"}
            return _response(
                LEGACY, 405, _errors(errors.bad_request("Use POST, or GET for a query.", "METHOD_NOT_ALLOWED")), allow
            )
        accept = request.headers.get("accept")
        if request.method == "GET" and "query" not in request.query_params and self._settings.graphiql:
            if preferred(accept, ("application/json", "text/html")) == "text/html":
                return graphiql_page()
        media = preferred(accept, (MODERN, LEGACY)) if accept and accept.strip() else LEGACY
        if media is None:
            message = f"Accept {MODERN} or {LEGACY}."
            return _response(LEGACY, 406, _errors(errors.bad_request(message, "NOT_ACCEPTABLE")))
        try:
            return await self._run(request, media)
        except Refused as refused:
            body = _errors(errors.bad_request(refused.message, refused.code))
            return _response(media, refused.status, body, refused.headers)
        except RequestError as error:
            status = STATUS_OF_PHASE[error.phase] if media == MODERN else 200
            return _response(media, status, {"errors": errors.format_refusals(error.errors, error.phase)})
        except DomainError as error:
            return _response(media, *_refusal(error))
        except Exception:  # the outermost: whatever it is, the caller gets an answer of our form, and it is logged
            log.exception("request failed")
            return _response(media, 500, _errors(errors.internal(about(request.scope).request_id)))

    async def _run(self, request: Request, media: str) -> Response:
        facts = about(request.scope)
        facts.actor = actor = await self._actor_of(request.headers.get("authorization"))
        asked = await read_request(request, self._settings.max_body_bytes)
        operation = self._engine.operation(asked.query, asked.operation_name)
        facts.operation = operation.name
        if request.method == "GET" and operation.mutates:
            raise Refused(405, "METHOD_NOT_ALLOWED", "A mutation needs POST.", {"allow": "POST"})
        cost = operation.price.of(asked.variables)
        dearest = costliest(operation.price, asked.variables)
        context = self._context_of(actor, facts.request_id, client_of(request), cost)
        if (dry := dry_run(operation, asked.variables)) is not None:
            operation = dry
        elif cost > self._settings.max_cost:
            limit = self._settings.max_cost
            raise QueryTooComplex(cost, limit, f"at most {limit} are allowed", dearest())
        else:
            context.rate_limit.charge(cost, dearest)
        result = await self._engine.execute(operation, asked.variables, context)
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body = {"errors": errors.format_failures(result.errors, facts.request_id), "data": result.data}
            if result.data is None and all(error.path is None for error in result.errors):
                del body["data"]  # variables were refused before anything was run
                return _response(media, 422 if media == MODERN else 200, body)
        if asks_for_cost(request):
            body["extensions"] = cost_report(operation.price, asked.variables, self._settings.max_cost)
        return _response(media, 200, body)


def _refusal(error: DomainError) -> tuple[int, dict[str, Any], dict[str, str]]:
    body = _errors(errors.refusal(error))
    if isinstance(error, Unauthenticated):
        return 401, body, {"www-authenticate": 'Bearer error="invalid_token"'}
    if isinstance(error, RateLimited):
        return 429, body, {"retry-after": str(error.retry_after)}
    if isinstance(error, Unavailable):
        return 503, body, {"retry-after": str(error.retry_after)}
    return 422, body, {}


def _errors(*found: errors.Formatted) -> dict[str, Any]:
    return {"errors": list(found)}


def _response(media: str, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    content = orjson.dumps(body, option=orjson.OPT_UTC_Z)
    return Response(content, status, {**(headers or {}), "vary": "Accept"}, f"{media}; charset=utf-8")
