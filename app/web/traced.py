"""The span of a request, for those requests that are traced (R62); the others make none, and pass by.

What it says is what OpenTelemetry's ASGI instrumentation would say, which is asked once for each answer. It is shown a
request without address, headers or query, so that no id, variable or token can be in a span.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

from opentelemetry.context import attach, detach
from opentelemetry.instrumentation._semconv import _StabilityMode
from opentelemetry.instrumentation.asgi import collect_request_attributes, set_status_code
from opentelemetry.propagate import extract
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    get_current_span,
    set_span_in_context,
)
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.facts import about, route_of
from app.telemetry.logs import REQUEST
from app.telemetry.spans import CURRENT, Recorder, Sampler, Sort, Value

CONTEXT = (b"traceparent", b"tracestate")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_describe: Callable[..., Mapping[str, Value]] = collect_request_attributes  # neither has types
_add_status: Callable[..., None] = set_status_code
QUIET = ("/health", "/metrics")  # asked every few seconds, by machines
WORDS = _StabilityMode.HTTP  # the names that stay
UNANSWERED = Sort("HTTP", SpanKind.SERVER)

type Server = tuple[str, int | None] | None


def traced(app: ASGIApp, recorder: Recorder, sampler: Sampler, routes: frozenset[str]) -> ASGIApp:
    """What `Observe` calls in place of the app, which it goes around, for requests that are drawn or come with a trace.
    `routes`: see Observe."""
    root, takes = recorder.root, sampler.takes

    async def record(scope: Scope, receive: Receive, send: Send) -> None:
        ids = REQUEST.get()
        parent = _parent(scope) if "trace_id" in ids else None
        if parent is not None and not takes(parent):
            await _hand_on(app, scope, receive, send, parent)
            return
        if scope["path"].startswith(QUIET):
            await app(scope, receive, send)
            return
        span, facts, failure = root(UNANSWERED, parent), about(scope), None
        facts.trace_id = span.trace.id.hex()
        span.attributes["feature_api.request_id"] = facts.request_id
        # Until Observe, around us, takes it back.
        REQUEST.set({**ids, "trace_id": facts.trace_id, "span_id": span.id.hex()})
        before = CURRENT.set(span)  # and no `with`: what it costs shows
        try:
            await app(scope, receive, send)
        except BaseException as error:
            failure = type(error)
            raise
        finally:
            CURRENT.reset(before)
            route = route_of(facts, scope["path"], routes) if facts.status else None
            server = scope["server"] and tuple(scope["server"])
            span.sort = _sort_of(scope["method"], scope["scheme"], scope["http_version"], server, route, facts.status)
            if failure is not None:
                span.fail(failure)
            span.end()

    return record


async def _hand_on(app: ASGIApp, scope: Scope, receive: Receive, send: Send, parent: SpanContext) -> None:
    """Whom we ask in turn shall know that it is not traced."""
    token = attach(set_span_in_context(NonRecordingSpan(parent)))
    try:
        await app(scope, receive, send)
    finally:
        detach(token)


@lru_cache(1_024)
def _sort_of(method: str, scheme: str, version: str, server: Server, route: str | None, status: int) -> Sort:
    """Of a request that has been answered, or was not, and then has no route and no status."""
    shown = {"type": "http", "method": method, "scheme": scheme, "http_version": version, "server": server}
    word, attributes = method if method in METHODS else "HTTP", dict(_describe(shown, WORDS))
    if route is None:
        return Sort(word, SpanKind.SERVER, attributes)
    _add_status(INVALID_SPAN, status, attributes, sem_conv_opt_in_mode=WORDS)
    attributes["http.route"] = route
    return Sort(f"{word} {route}", SpanKind.SERVER, attributes)


def _parent(scope: Scope) -> SpanContext | None:
    carried = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in CONTEXT}
    found = get_current_span(extract(carried)).get_span_context()
    return found if found.is_valid else None
