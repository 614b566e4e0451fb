"""The span of a request, by OpenTelemetry's ASGI middleware, for those requests that are traced (R62).

The middleware is shown a request without address, headers or query, so that no id, variable or token can be in a span;
those that are not traced do not pass through it at all.
"""

import os
from collections.abc import Iterable
from typing import Any

from opentelemetry.context import attach, detach
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.metrics import NoOpMeter
from opentelemetry.propagate import extract
from opentelemetry.trace import NonRecordingSpan, SpanContext, get_current_span, set_span_in_context
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.facts import about, route_of
from app.telemetry.logs import REQUEST
from app.telemetry.spans import CURRENT, Recorder, Recording, Sampler

ASKED = "feature_api.asked"  # the request itself, in what the middleware is shown
CONTEXT = (b"traceparent", b"tracestate")
QUIET = ("/health", "/metrics")  # asked every few seconds, by machines
os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")  # the names that stay; there is no other way to ask


class Traced:
    """Inside `Observe`, whose log line and errors then carry the trace. `routes`: see Observe."""

    def __init__(self, app: ASGIApp, recorder: Recorder, sampler: Sampler, routes: frozenset[str]) -> None:
        self._app, self._sampler, self._routes = app, sampler, routes
        self._middleware = OpenTelemetryMiddleware(
            self._inside,
            tracer=recorder,
            meter=NoOpMeter("feature_api"),
            exclude_spans=["receive", "send"],
            default_span_details=_described,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(QUIET):
            await self._app(scope, receive, send)
            return
        carried = [pair for pair in scope["headers"] if pair[0] in CONTEXT]
        parent = _parent(carried) if carried else None
        if self._sampler.takes(parent):
            shown = {name: scope[name] for name in ("type", "method", "scheme", "http_version", "server")}
            shown |= {"path": "", "query_string": b"", "headers": carried if parent else [], ASKED: scope}
            await self._middleware(shown, receive, send)
        elif parent is not None:  # whom we ask in turn shall know that it is not traced
            token = attach(set_span_in_context(NonRecordingSpan(parent)))
            try:
                await self._app(scope, receive, send)
            finally:
                detach(token)
        else:
            await self._app(scope, receive, send)

    async def _inside(self, shown: Scope, receive: Receive, send: Send) -> None:
        scope, span = shown[ASKED], get_current_span()
        assert isinstance(span, Recording)
        facts, context = about(scope), span.get_span_context()
        facts.trace_id = f"{context.trace_id:032x}"
        ids = {**REQUEST.get(), "trace_id": facts.trace_id, "span_id": f"{context.span_id:016x}"}
        REQUEST.set(ids)  # until Observe, around us, takes it back

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":  # with its last byte the span ends
                route = route_of(scope, self._routes)
                span.name = f"{span.name} {route}"
                span.attributes["http.route"] = route
                span.attributes["feature_api.request_id"] = facts.request_id
            await send(message)

        before = CURRENT.set(span)
        try:
            await self._app(scope, receive, named)
        finally:
            CURRENT.reset(before)


def _described(scope: Scope) -> tuple[str, dict[str, Any]]:
    """The name is completed when the route is known."""
    method = scope["method"]
    return method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "HTTP", {}


def _parent(headers: Iterable[tuple[bytes, bytes]]) -> SpanContext | None:
    carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    found = get_current_span(extract(carrier)).get_span_context()
    return found if found.is_valid else None
