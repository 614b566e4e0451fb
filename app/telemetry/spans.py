"""Spans of what is sampled, in OpenTelemetry's API and cheaper than its SDK (R62). What is not sampled makes no span.

They hold names, numbers and words of ours: never a variable, a token, a literal, or the text of an exception.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar, Token
from os import urandom
from struct import iter_unpack
from types import TracebackType

from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from opentelemetry.util.types import Attributes, AttributeValue

SAMPLED = TraceFlags(TraceFlags.SAMPLED)
NANOSECONDS = 1_000_000_000
TRUSTED = 100  # traces a second that are recorded since callers say so, whatever the ratio: callers may be anybody
IDS = 512  # that are drawn at once

type Value = str | bool | int | float
type Sink = Callable[["Recording"], None]


def _drawn() -> Iterator[int]:
    """Of eight random bytes each, and not 0, which would be none."""
    while True:
        yield from (id for (id,) in iter_unpack("Q", urandom(8 * IDS)) if id)


_id = _drawn().__next__


class Recording(Span):
    """A span that is recorded; when it ends, its sink gets it. In its `with` block the spans that are made are its
    children, and with the block it ends."""

    __slots__ = (
        *("_before", "_sink", "attributes", "ended", "failed", "id", "kind", "name"),
        *("parent", "started", "state", "trace"),
    )

    def __init__(
        self,
        sink: Sink,
        trace: int,
        parent: int,
        name: str,
        kind: SpanKind,
        started: int | None = None,
        state: TraceState | None = None,
    ) -> None:
        """`parent`: the id of its span, or 0; `started` in nanoseconds since 1970, or now."""
        self._sink, self.trace, self.id, self.parent, self.state = sink, trace, _id(), parent, state
        self.name, self.kind = name, kind
        self.attributes: dict[str, Value] = {}
        self.failed = False
        self.started, self.ended = started or time.time_ns(), 0

    def child(self, name: str, kind: SpanKind = SpanKind.INTERNAL, started: int | None = None) -> "Recording":
        return Recording(self._sink, self.trace, self.id, name, kind, started, self.state)

    def fail(self, error: type[BaseException] | str) -> None:
        """With the error's class, or a word for it; its text may hold what a caller sent."""
        self.failed = True
        self.attributes["error.type"] = error if isinstance(error, str) else error.__qualname__

    def end(self, end_time: int | None = None) -> None:
        if not self.ended:
            self.ended = end_time or time.time_ns()
            self._sink(self)

    def __enter__(self) -> "Recording":
        self._before: Token[Recording | None] = CURRENT.set(self)
        return self

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        CURRENT.reset(self._before)
        del self._before  # it holds all of the request's context, and a span waits for a second to be sent
        if error is not None and not self.ended:
            self.fail(error)
        self.end()

    def get_span_context(self) -> SpanContext:
        return SpanContext(self.trace, self.id, False, SAMPLED, self.state)

    def is_recording(self) -> bool:
        return not self.ended

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        self.attributes[key] = value if isinstance(value, str | bool | int | float) else str(value)

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def update_name(self, name: str) -> None:
        self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        self.failed = (status.status_code if isinstance(status, Status) else status) is StatusCode.ERROR

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        self.fail(type(exception))

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Not kept: nobody here makes one."""


# In place of OpenTelemetry's own context: to ask that one takes ten times as long, and every statement asks.
CURRENT: ContextVar[Recording | None] = ContextVar("span", default=None)


class Recorder:
    """Makes the first span of a trace, or of our part of it. Whether there shall be one is decided before: see
    Sampler."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def root(self, name: str, kind: SpanKind = SpanKind.INTERNAL, parent: SpanContext | None = None) -> Recording:
        """`parent`: the span of whoever asked us."""
        if parent is None:
            return Recording(self._sink, _id() << 64 | _id(), 0, name, kind)
        return Recording(self._sink, parent.trace_id, parent.span_id, name, kind, None, parent.trace_state)


class Sampler:
    """Parent-based: a caller's own decision holds, up to a number a second; where there is none, `ratio` of all."""

    def __init__(self, ratio: float, random: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._ratio, self._random, self._monotonic = ratio, random, monotonic
        self._second, self._left = 0, TRUSTED

    def takes(self, parent: SpanContext | None) -> bool:
        if parent is None:
            return self._random() < self._ratio
        if not parent.trace_flags.sampled:
            return False
        second = int(self._monotonic())
        if second != self._second:
            self._second, self._left = second, TRUSTED
        self._left -= 1
        return self._left >= 0


def current() -> Recording | None:
    """The span that is being recorded around here; one that has ended is none: a task may outlive its request."""
    span = CURRENT.get()
    return span if span is not None and not span.ended else None


async def awaited[T](span: Recording, work: Awaitable[T]) -> T:
    with span:
        return await work
