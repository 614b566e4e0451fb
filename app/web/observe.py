"""What is known of a request while it runs: its ids in and out, its log line, its metrics (R61, R63)."""

import re
import time
from dataclasses import dataclass
from hashlib import sha256

import structlog
from opentelemetry.propagate import extract
from opentelemetry.trace import get_current_span
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kernel.actor import GUEST, Actor
from app.kernel.clock import new_id
from app.telemetry import HttpMetrics

log = structlog.get_logger("access")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)  # one that is passed on; anything else gets a new one
FACTS = "feature_api.facts"


@dataclass(slots=True)
class Facts:
    """Filled in by whoever answers."""

    request_id: str
    actor: Actor = GUEST
    operation: str | None = None


def about(scope: Scope) -> Facts:
    facts = scope[FACTS]
    assert isinstance(facts, Facts)
    return facts


class Observe:
    """The outermost middleware. `routes`: the paths that metrics tell apart; all others are "other"."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics, routes: frozenset[str]) -> None:
        self._app, self._metrics, self._routes = app, metrics, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        wanted = headers.get("x-request-id", "")
        facts = scope[FACTS] = Facts(wanted if REQUEST_ID.fullmatch(wanted) else new_id().hex)
        structlog.contextvars.bind_contextvars(request_id=facts.request_id, **_trace(headers))
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = facts.request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - started
            route = scope["path"] if scope["path"] in self._routes else "other"
            self._metrics.record(scope["method"], route, status, seconds)
            log.info(
                "request",
                method=scope["method"],
                route=route,
                status=status,
                milliseconds=round(seconds * 1000, 2),
                operation=facts.operation,
                user=_hashed(facts.actor),
            )
            structlog.contextvars.clear_contextvars()


def _trace(headers: Headers) -> dict[str, str]:
    """The caller's trace (W3C Trace Context), where one was sent."""
    if "traceparent" not in headers:
        return {}
    span = get_current_span(extract({"traceparent": headers["traceparent"]})).get_span_context()
    return {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"} if span.is_valid else {}


def _hashed(actor: Actor) -> str | None:
    return None if actor.user_id is None else sha256(actor.user_id.bytes).hexdigest()[:16]
