"""Spans of what is sampled, in OpenTelemetry's API and cheaper than its SDK (R62). What is not sampled makes no span.

They hold names, numbers and words of ours: never a variable, a token, a literal, or the text of an exception.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from os import urandom
from typing import Any

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.util.types import Attributes, AttributeValue

SAMPLED = TraceFlags(TraceFlags.SAMPLED)
NANOSECONDS = 1_000_000_000
TRUSTED = 100  # traces a second that are recorded since callers say so, whatever the ratio: callers may be anybody

type Sink = Callable[["Recording"], None]


class Recording(Span):
    """A span that is recorded; when it ends, its sink gets it."""

    __slots__ = ("_context", "_sink", "attributes", "ended", "failed", "kind", "name", "parent", "started")

    def __init__(
        self, sink: Sink, context: SpanContext, parent: int, name: str, kind: SpanKind, started: int | None = None
    ) -> None:
        """`parent`: the id of its span, or 0; `started` in nanoseconds since 1970, or now."""
        self._sink, self._context, self.parent = sink, context, parent
        self.name, self.kind = name, kind
        self.attributes: dict[str, AttributeValue] = {}
        self.failed = False
        self.started, self.ended = started or time.time_ns(), 0

    def child(self, name: str, kind: SpanKind = SpanKind.INTERNAL, started: int | None = None) -> "Recording":
        above = self._context
        context = SpanContext(above.trace_id, _id(8), False, SAMPLED, above.trace_state)
        return Recording(self._sink, context, above.span_id, name, kind, started)

    def fail(self, error: type[BaseException] | str) -> None:
        """With the error's class, or a word for it; its text may hold what a caller sent."""
        self.failed = True
        self.attributes["error.type"] = error if isinstance(error, str) else error.__qualname__

    def end(self, end_time: int | None = None) -> None:
        if not self.ended:
            self.ended = end_time or time.time_ns()
            self._sink(self)

    def get_span_context(self) -> SpanContext:
        return self._context

    def is_recording(self) -> bool:
        return not self.ended

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        self.attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        self.attributes.update(attributes)

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


# Beside OpenTelemetry's own context: to ask that one takes ten times as long, and every statement asks.
CURRENT: ContextVar[Recording | None] = ContextVar("span", default=None)


class Recorder(Tracer):
    """Makes the first span of a trace, or of our part of it. Whether there shall be one is decided before: see
    Sampler."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def root(self, name: str, kind: SpanKind = SpanKind.INTERNAL) -> Recording:
        return Recording(self._sink, SpanContext(_id(16), _id(8), False, SAMPLED), 0, name, kind)

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span:
        above = get_current_span(context).get_span_context()
        if above.is_valid:
            own = SpanContext(above.trace_id, _id(8), False, SAMPLED, above.trace_state)
            span = Recording(self._sink, own, above.span_id, name, kind, start_time)
        else:
            span = self.root(name, kind)
        span.attributes.update(attributes or {})
        return span

    def start_as_current_span(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("see `entered`")


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


@contextmanager
def entered(span: Recording) -> Iterator[Recording]:
    """Spans made in it are its children; it ends with the block."""
    token, before = attach(set_span_in_context(span)), CURRENT.set(span)
    try:
        yield span
    except BaseException as error:
        span.fail(type(error))
        raise
    finally:
        CURRENT.reset(before)
        detach(token)
        span.end()


async def awaited[T](span: Recording, work: Awaitable[T]) -> T:
    with entered(span):
        return await work


def _id(size: int) -> int:
    """Of so many bytes, not 0, which would be none."""
    return int.from_bytes(urandom(size)) or 1
