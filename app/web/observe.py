"""What is known of a request while it runs: its ids in and out, its log line, its metrics (R61, R63)."""

import re
import time

from opentelemetry.propagate import extract
from opentelemetry.trace import get_current_span
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.facts import FACTS, Facts, route_of
from app.kernel.clock import new_hex
from app.kernel.ids import UserId
from app.telemetry.logs import REQUEST, AccessLog, hashed
from app.telemetry.metrics import HttpMetrics
from app.telemetry.spans import Sampler
from app.web.protections import SecurityHeaders

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)  # one that is passed on; anything else gets a new one


class Observe:
    """The outermost middleware. `routes`: the paths that metrics tell apart; all others are "other". `traced` is called
    in place of the app where the sampler draws a request, or its caller sent a trace."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: HttpMetrics,
        routes: frozenset[str],
        protections: SecurityHeaders,
        sampler: Sampler,
        traced: ASGIApp | None,
    ) -> None:
        self._app, self._metrics, self._routes, self._log = app, metrics, routes, AccessLog()
        self._protections, self._traced = protections, traced
        self._random, self._ratio = sampler.random, sampler.ratio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        ids = _ids(scope)
        request_id = ids["request_id"]
        facts = scope[FACTS] = Facts(request_id)
        before = REQUEST.set(ids)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                facts.status = message["status"]
                headers = message["headers"]
                own = (b"x-request-id", request_id.encode())
                message["headers"] = [*headers, own, *self._protections.beside(headers)]
            await send(message)

        app = self._app
        if self._traced is not None and ("trace_id" in ids or self._random() < self._ratio):
            app = self._traced
        try:
            await app(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - started
            method = scope["method"]
            route, status = route_of(facts, scope["path"], self._routes), facts.status or 500
            self._metrics.record(method, route, status, seconds)
            self._log.write(
                {
                    "method": method,
                    "route": route,
                    "status": status,
                    "milliseconds": round(seconds * 1000, 2),
                    "operation": facts.operation,
                    "user": None if facts.actor.user_id is None else hashed(facts.actor.user_id),
                }
            )
            REQUEST.reset(before)


def _ids(scope: Scope) -> dict[str, str]:
    """The request's own, by the caller's word or new, and the caller's trace (W3 Trace Context) where one was sent."""
    wanted, trace = "", None
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            wanted = value.decode("latin-1")
        elif name == b"traceparent":
            trace = value.decode("latin-1")
    ids = {"request_id": wanted if REQUEST_ID.fullmatch(wanted) else new_hex()}
    if trace is not None:
        span = get_current_span(extract({"traceparent": trace})).get_span_context()
        if span.is_valid:
            ids["trace_id"], ids["span_id"] = f"{span.trace_id:032x}", f"{span.span_id:016x}"
    return ids
