"""The REST endpoint: HTTP in, a handler, HTTP out, for both versions; it has no rules of its own.

What is wrong is told in this order, the first that applies: 400 (a header twice), 431, 414, 404 (no such address), 405,
401, 429, 406, 403 (you may do this to nothing), 428, 415, 413, 400, then what the services say: 404, 403, 412, 409. So
a precondition counts only where the request would have been let through without it (RFC 9110 §13.2.1).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from app.context import ContextOf, OnceOf
from app.http.accept import preferred
from app.http.body import media_type, read_bytes
from app.http.client import client_of
from app.http.facts import Facts, about
from app.http.headers import Headers, read_headers
from app.http.problem import PROBLEM
from app.http.rate_headers import rate_limit_headers
from app.http.refused import Refused
from app.kernel.actor import Actor
from app.kernel.clock import Clock, utc_now
from app.kernel.errors import DomainError, NotFound, RateLimited
from app.kernel.ids import UserId
from app.rest import render
from app.rest.conditions import not_modified
from app.rest.failure import failure_of
from app.rest.feature_body import read_body
from app.rest.limits import ActLimits
from app.rest.once import Sent, keyed_write, write_once
from app.rest.read import read_json, read_query
from app.rest.route import Answer, Call, Found, Route
from app.rest.stream import send_stream
from app.rest.version import Version, version_of

MAX_HEADERS = 32_768  # bytes of names and values
KEPT = ((b"cache-control", b"private, no-cache"), (b"vary", b"Accept, Authorization"))

type OnLegacy = Callable[[UserId, str], None]


@dataclass(frozen=True, slots=True)
class RestSettings:
    """`product` is the version that every answer names."""

    product: str
    max_body_bytes: int
    max_query_bytes: int
    max_import_bytes: int


class RestEndpoint:
    """Of all paths under /api. `actor_of` takes the Authorization header; `context_of` the actor, the request's id, the
    caller's address and a cost; `on_legacy` is told of every call of a deprecated version, however it ended."""

    def __init__(
        self,
        versions: tuple[Version, ...],
        actor_of: Callable[[str | None], Awaitable[Actor]],
        context_of: ContextOf,
        once: OnceOf,
        limits: ActLimits,
        settings: RestSettings,
        on_legacy: OnLegacy,
        now: Clock = utc_now,
    ) -> None:
        self._versions, self._settings, self._now = versions, settings, now
        self._actor_of, self._context_of, self._once, self._limits = actor_of, context_of, once, limits
        self._on_legacy = on_legacy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, facts = scope["path"], about(scope)
        version = version_of(path, self._versions)
        headers: Headers = {}
        known = version.headers(path)
        try:
            headers = read_headers(scope)
            self._check_sizes(scope)
            found = version.routes.find(path)
            if found is None:
                raise NotFound("There is nothing at this address.")
            facts.route = found.template
            if scope["method"] == "OPTIONS":
                await render.send_response(send, 204, [*known, (b"allow", found.allow.encode())], b"")
                return
            sent = await self._answer(scope, receive, found, _route(found, scope["method"]), headers, known)
            described = [*sent.headers, *_limit(facts)]
            if sent.stream is None:
                await render.send_response(send, sent.status, described, sent.body)
            else:
                await send_stream(receive, send, described, sent.stream, head=scope["method"] == "HEAD")
        except Exception as error:  # the outermost: whatever it is, the caller gets an answer of our form
            await self._send_failure(send, error, version, facts, headers, known, path)
        finally:
            if version.legacy and facts.route is not None and facts.actor.user_id is not None:
                self._on_legacy(facts.actor.user_id, f"{scope['method']} {facts.route}")

    async def _answer(
        self,
        scope: Scope,
        receive: Receive,
        found: Found,
        route: Route[Any, Any],
        headers: Headers,
        known: render.RawHeaders,
    ) -> Sent:
        facts, client = about(scope), client_of(scope)
        actor = facts.actor = await self._actor_of(headers.get(b"authorization"))
        actor.known()
        decision = facts.decision = await self._limits.take(route.method, actor, client)
        if not decision.allowed:
            policy = decision.policy
            raise RateLimited(policy.limit, 1, decision.retry_after, f"requests in {policy.window} s")
        if preferred(headers.get(b"accept"), route.answers) is None:
            raise Refused(406, "NOT_ACCEPTABLE", f"Accept {_listed(route.answers)}, in UTF-8.")
        context = self._context_of(actor, facts.request_id, client, 0, facts.since if route.method == "GET" else None)
        query: bytes = scope["query_string"]
        call: Call[Any, Any] = Call(context, found.parameters, headers, query, route.no_query, None)
        try:
            if route.method == "GET":
                return self._sent(await self._run(route, call), call, known, safe=True)
            return await self._write(route, call, receive, client, known)
        except DomainError as error:
            context.security_event.denied(error)
            raise

    async def _write(
        self, route: Route[Any, Any], call: Call[Any, Any], receive: Receive, client: str, known: render.RawHeaders
    ) -> Sent:
        if route.grants is not None:
            call.context.feature.check_reach(route.grants, *route.or_grants)
        if route.demands and b"if-match" not in call.headers:
            message = "Send `If-Match` with the `ETag` that you got, or `*` for whatever there is."
            raise Refused(428, "PRECONDITION_REQUIRED", message)
        document = None
        if route.body is not None:
            if media_type(call.headers.get(b"content-type", "")) not in route.media:
                header = "accept-patch" if route.method == "PATCH" else "accept-post"
                kind = "JSON Lines or CSV" if route.body is bytes else "JSON"
                message = f"Send {kind} in UTF-8, with the header `Content-Type: {route.media[0]}`."
                raise Refused(415, "UNSUPPORTED_MEDIA_TYPE", message, {header: ", ".join(route.media)})
            if route.body is bytes:
                call.body = document = await read_bytes(receive, call.headers, self._settings.max_import_bytes)
            else:
                document = read_json(await read_bytes(receive, call.headers, self._settings.max_body_bytes))
                call.body = read_body(document, route.body)

        async def run() -> Sent:
            return self._sent(await self._run(route, call), call, known, safe=False)

        keyed = keyed_write(route, call, document)
        return await (run() if keyed is None else write_once(self._once, keyed, call, client, run))

    async def _run(self, route: Route[Any, Any], call: Call[Any, Any]) -> Answer:
        if call.query_string:
            call.query = read_query(call.query_string, route.query)
        return await route.handler(call)

    def _sent(self, answer: Answer, call: Call[Any, Any], known: render.RawHeaders, *, safe: bool) -> Sent:
        if answer.stream is not None:
            return Sent(answer.status, [*known, *answer.headers, render.NO_STORE], b"", answer.stream)
        described = [*known, *answer.headers, *(KEPT if safe else (render.NO_STORE,))]
        if answer.data is None:
            return Sent(answer.status, described, b"", done=answer.done)
        tag = answer.tag
        head = b"" if safe and tag is not None and not_modified(call.headers, tag) else render.head_of(answer)
        if answer.tagged:
            tag = render.list_tag(head)
        if tag is not None:
            described.append((b"etag", tag.encode()))
            if safe and not_modified(call.headers, tag):
                return Sent(304, described, b"")
        meta = render.meta_of(call.context.request_id, self._settings.product, self._now())
        return Sent(answer.status, [render.JSON_TYPE, *described], render.with_meta(head, meta), done=answer.done)

    async def _send_failure(
        self,
        send: Send,
        error: Exception,
        version: Version,
        facts: Facts,
        headers: Headers,
        known: render.RawHeaders,
        path: str,
    ) -> None:
        failure = failure_of(error, b"authorization" in headers)
        accept = headers.get(b"accept")
        named = accept is not None and PROBLEM in accept.lower() and preferred(accept, (PROBLEM,)) is not None
        if version.legacy and not named:
            meta = render.meta_of(facts.request_id, self._settings.product, self._now())
            kind, body = render.JSON_TYPE, render.legacy_error(failure, facts.request_id, meta)
        else:
            kind, body = render.PROBLEM_TYPE, render.problem_error(failure, path[:200], facts.request_id)
        own = [(name.encode(), value.encode()) for name, value in failure.headers.items()]
        await render.send_response(send, failure.status, [kind, *known, *own, *_limit(facts), render.NO_STORE], body)

    def _check_sizes(self, scope: Scope) -> None:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
            raise Refused(431, "HEADERS_TOO_LARGE", f"The headers must have at most {MAX_HEADERS} bytes together.")
        longest = self._settings.max_query_bytes
        if len(scope["query_string"]) > longest:
            raise Refused(414, "URI_TOO_LONG", f"The query string must have at most {longest} bytes.")


def _limit(facts: Facts) -> render.RawHeaders:
    return [] if facts.decision is None else rate_limit_headers(facts.decision)


def _listed(media: tuple[str, ...]) -> str:
    return " or ".join(each for each in media if each != PROBLEM)


def _route(found: Found, method: str) -> Route[Any, Any]:
    route = found.methods.get("GET" if method == "HEAD" else method)
    if route is None:
        allow = found.allow
        raise Refused(405, "METHOD_NOT_ALLOWED", f"Use one of {allow}.", {"allow": allow})
    return route
