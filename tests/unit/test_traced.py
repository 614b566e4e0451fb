"""Which requests are traced, and what the span of one says that fails before it is answered, or after (R62)."""

from collections.abc import Callable, Iterable

import pytest
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.telemetry.logs import REQUEST
from app.telemetry.metrics import HttpMetrics
from app.telemetry.spans import Recorder, Recording, Sampler, current, here
from app.web.observe import Observe
from app.web.protections import SecurityHeaders
from app.web.traced import traced

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ROUTES = frozenset({"/graphql", "/health"})


async def nothing() -> Message:
    raise AssertionError("nobody reads the body")


async def unheard(message: Message) -> None:
    """Who asked has gone."""


def asked(path: str = "/graphql", traceparent: str | None = None, method: str = "POST") -> Scope:
    headers = [] if traceparent is None else [(b"traceparent", traceparent.encode())]
    about = {"scheme": "http", "http_version": "1.1", "server": ["localhost", 8000], "client": None}
    return {"type": "http", "method": method, "path": path, "headers": headers, **about}


def answering(status: int, error: Exception | None = None) -> ASGIApp:
    """Begins an answer with that status, if there is one, and fails, if there is something to fail with."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if status:
            await send({"type": "http.response.start", "status": status, "headers": []})
        if error is not None:
            raise error
        await send({"type": "http.response.body", "body": b""})

    return app


def observed(app: ASGIApp, sink: Callable[[Recording], None], ratio: float, drawn: Iterable[float] = ()) -> ASGIApp:
    sampler = Sampler(ratio, iter(drawn).__next__, lambda: 0.0)
    around = traced(app, Recorder(sink), sampler, ROUTES)
    return Observe(app, HttpMetrics(CollectorRegistry()), ROUTES, SecurityHeaders(0), sampler, around)


async def test_ratio_decides_where_the_caller_does_not() -> None:
    ended: list[Recording] = []
    app = observed(answering(200), ended.append, 0.1, [0.09, 0.1, 0.5, 0.0, 0.3])
    counts = []
    for trace in (None, None, None, f"00-{'0' * 32}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01"):
        await app(asked(traceparent=trace), nothing, unheard)
        counts.append(len(ended))
    assert counts == [1, 1, 1, 2, 2]
    assert all(span.parent == b"" for span in ended)


async def test_caller_s_decision_holds_whatever_would_be_drawn() -> None:
    ended: list[Recording] = []
    for ratio, flags in ((0.0, "01"), (1.0, "00")):
        app = observed(answering(200), ended.append, ratio, [])  # to draw would fail
        await app(asked(traceparent=f"00-{TRACE}-{SPAN}-{flags}"), nothing, unheard)
    [span] = ended
    assert (span.trace.id.hex(), span.parent.hex()) == (TRACE, SPAN)


async def test_lines_and_spans_below_know_the_request_and_nobody_does_when_it_has_ended() -> None:
    ended: list[Recording] = []
    seen: list[tuple[Recording | None, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((current(), REQUEST.get()["trace_id"]))
        await answering(200)(scope, receive, send)

    await observed(app, ended.append, 1.0, [0.0])(asked(), nothing, unheard)
    assert seen == [(ended[0], ended[0].trace.id.hex())]
    assert here() is None and "trace_id" not in REQUEST.get()


async def test_health_is_not_traced() -> None:
    ended: list[Recording] = []
    app = observed(answering(200), ended.append, 1.0, [0.0])
    await app(asked("/health"), nothing, unheard)
    assert ended == []


@pytest.mark.parametrize(
    ("status", "fails", "name", "error"),
    [
        (200, False, "POST /graphql", None),
        (404, False, "POST /graphql", None),
        (503, False, "POST /graphql", "503"),
        (0, True, "POST", "KeyError"),
        (200, True, "POST /graphql", "KeyError"),
        (503, True, "POST /graphql", "503"),
    ],
)
async def test_span_says_how_it_went(status: int, fails: bool, name: str, error: str | None) -> None:
    ended: list[Recording] = []
    app = observed(answering(status, KeyError("secret") if fails else None), ended.append, 1.0, [0.0])
    if fails:
        with pytest.raises(KeyError):
            await app(asked(), nothing, unheard)
    else:
        await app(asked(), nothing, unheard)
    [span] = ended
    said = {**span.sort.attributes, **span.attributes}
    assert (span.sort.name, said.get("error.type")) == (name, error)
    assert said.get("http.response.status_code") == (status or None)
    assert len(said) == len(span.sort.attributes) + len(span.attributes) and span.ended >= span.started


async def test_method_of_a_caller_s_own_making_is_not_a_name() -> None:
    ended: list[Recording] = []
    await observed(answering(405), ended.append, 1.0, [0.0])(asked(method="BREW"), nothing, unheard)
    assert ended[0].sort.name == "HTTP /graphql"
