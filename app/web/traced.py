"""The span of a request, for those requests that are traced (R62); the others make none, and pass by.

What it says is what OpenTelemetry's ASGI instrumentation would say, which is asked once for each answer. It is shown a
request without address, headers or query, so that no id, variable or token can be in a span.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache

from opentelemetry.context import attach, detach
from opentelemetry.instrumentation._semconv import _StabilityMode
from opentelemetry.instrumentation.asgi import collect_request_attributes, set_status_code
from opentelemetry.propagate import extract
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, get_current_span, set_span_in_context
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.facts import about, route_of
from app.telemetry.logs import REQUEST
from app.telemetry.spans import Recorder, Recording, Sampler, Value

CONTEXT = (b"traceparent", b"tracestate")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_describe: Callable[..., Mapping[str, Value]] = collect_request_attributes  # neither has types
_set_status: Callable[..., None] = set_status_code
QUIET = ("/health", "/metrics")  # asked every few seconds, by machines
WORDS = _StabilityMode.HTTP  # the names that stay


class Traced:
    """Inside `Observe`, whose log line and errors then carry the trace. `routes`: see Observe."""

    def __init__(self, app: ASGIApp, recorder: Recorder, sampler: Sampler, routes: frozenset[str]) -> None:
        self._app, self._recorder, self._sampler, self._routes = app, recorder, sampler, routes

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """No coroutine of its own, and no more than must be: each request pays for it."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        parent = _parent(scope) if "trace_id" in REQUEST.get() else None  # Observe has looked
        if self._sampler.takes(parent):
            if not scope["path"].startswith(QUIET):
                return self._record(scope, receive, send, parent)
        elif parent is not None:
            return self._hand_on(scope, receive, send, parent)
        return self._app(scope, receive, send)

    async def _record(self, scope: Scope, receive: Receive, send: Send, parent: SpanContext | None) -> None:
        method, server = scope["method"], scope["server"]
        span = self._recorder.root(method if method in METHODS else "HTTP", SpanKind.SERVER, parent)
        span.attributes.update(_asked(method, scope["scheme"], scope["http_version"], server and tuple(server)))
        facts = about(scope)
        facts.trace_id = f"{span.trace:032x}"
        # Until Observe, around us, takes it back.
        REQUEST.set({**REQUEST.get(), "trace_id": facts.trace_id, "span_id": f"{span.id:016x}"})

        def told(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                route = route_of(scope, self._routes)
                span.name = f"{span.name} {route}"
                answered, span.failed = _answered(message["status"])
                span.attributes |= answered
                span.attributes["http.route"] = route
                span.attributes["feature_api.request_id"] = facts.request_id
            elif not message.get("more_body"):
                span.end()
            return send(message)

        with span:
            await self._app(scope, receive, told)

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send, parent: SpanContext) -> None:
        """Whom we ask in turn shall know that it is not traced."""
        token = attach(set_span_in_context(NonRecordingSpan(parent)))
        try:
            await self._app(scope, receive, send)
        finally:
            detach(token)


@lru_cache(64)
def _asked(method: str, scheme: str, version: str, server: tuple[str, int | None] | None) -> Mapping[str, Value]:
    shown = {"type": "http", "method": method, "scheme": scheme, "http_version": version, "server": server}
    return _describe(shown, WORDS)


@lru_cache(64)
def _answered(status: int) -> tuple[Mapping[str, Value], bool]:
    """What is said of an answer with that status, and whether we failed."""
    span = Recording(lambda ended: None, 0, 0, "", SpanKind.SERVER)
    _set_status(span, status, sem_conv_opt_in_mode=WORDS)
    return span.attributes, span.failed


def _parent(scope: Scope) -> SpanContext | None:
    carried = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in CONTEXT}
    found = get_current_span(extract(carried)).get_span_context()
    return found if found.is_valid else None
