"""Spans of what is sampled, cheaper than those of OpenTelemetry's SDK (R62). What is not sampled makes no span.

They hold names, numbers and words of ours: never a variable, a token, a literal, or the text of an exception.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar, Token
from functools import lru_cache
from random import getrandbits  # seeded anew in each process, forked ones too
from time import time_ns
from types import MappingProxyType, TracebackType

from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState

SAMPLED = TraceFlags(TraceFlags.SAMPLED)
NANOSECONDS = 1_000_000_000
TRUSTED = 100  # traces a second that are recorded since callers say so, whatever the ratio: callers may be anybody

ERROR = "error.type"  # the attribute that says what failed; a span without it has not

type Value = str | bool | int | float
type Sink = Callable[["Recording"], None]

NOTHING: Mapping[str, Value] = MappingProxyType({})


class Sort:
    """What many spans say alike, for the collector `written` once. So nothing of one request alone may stand in it, and
    whoever makes one keeps it."""

    __slots__ = ("attributes", "kind", "name", "written")

    def __init__(
        self, name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Mapping[str, Value] = NOTHING
    ) -> None:
        self.name, self.kind, self.attributes = name, kind, attributes
        self.written = b""


@lru_cache(1_024)
def sort_of(name: str, kind: SpanKind = SpanKind.INTERNAL) -> Sort:
    """That has no attributes. Names are few."""
    return Sort(name, kind)


class Trace:
    """What the spans of one trace share; `state` and `written` as in Sort. `id`: 16 bytes."""

    __slots__ = ("id", "sink", "state", "written")

    def __init__(self, sink: Sink, id: bytes, state: TraceState | None = None) -> None:
        self.sink, self.id, self.state = sink, id, state
        self.written = b""


class Recording:
    """A span that is recorded; when it ends, its sink gets it. In its `with` block the spans that are made are its
    children, and with the block it ends. `attributes` are its own, beside those of its sort."""

    __slots__ = ("_before", "attributes", "ended", "id", "parent", "sort", "started", "trace")

    def __init__(self, trace: Trace, parent: bytes, sort: Sort, started: int | None = None) -> None:
        """`parent`: the id of its span, of 8 bytes, or none; `started` in nanoseconds since 1970, or now."""
        self.trace = trace
        self.id = (getrandbits(64) or 1).to_bytes(8)  # 0 would be none
        self.parent = parent
        self.sort = sort
        self.attributes: dict[str, Value] = {}
        self.started = started or time_ns()
        self.ended = 0

    def child(self, sort: Sort, started: int | None = None) -> "Recording":
        return Recording(self.trace, self.id, sort, started)

    def fail(self, error: type[BaseException] | str) -> None:
        """With the error's class, or a word for it; its text may hold what a caller sent."""
        if ERROR not in self.sort.attributes:  # it is said once
            self.attributes[ERROR] = error if isinstance(error, str) else error.__qualname__

    def end(self, end_time: int | None = None) -> None:
        if not self.ended:
            self.ended = end_time or time_ns()
            self.trace.sink(self)

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

    def as_parent(self) -> NonRecordingSpan:
        """For OpenTelemetry's propagators."""
        trace, id = int.from_bytes(self.trace.id), int.from_bytes(self.id)
        return NonRecordingSpan(SpanContext(trace, id, False, SAMPLED, self.trace.state))


# In place of OpenTelemetry's own context: to ask that one takes ten times as long, and every statement asks.
CURRENT: ContextVar[Recording | None] = ContextVar("span", default=None)
here: Callable[[], Recording | None] = CURRENT.get  # of a traced request or job, ended or not


class Recorder:
    """Makes the first span of a trace, or of our part of it. Whether there shall be one is decided before: see
    Sampler."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def root(self, sort: Sort, parent: SpanContext | None = None) -> Recording:
        """`parent`: the span of whoever asked us."""
        if parent is None:
            return Recording(Trace(self._sink, (getrandbits(128) or 1).to_bytes(16)), b"", sort)
        trace = Trace(self._sink, parent.trace_id.to_bytes(16), parent.trace_state)
        return Recording(trace, parent.span_id.to_bytes(8), sort)


class Sampler:
    """Parent-based: a caller's own decision holds, up to a number a second; where there is none, `ratio` of all."""

    def __init__(self, ratio: float, random: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self.ratio, self.random, self._monotonic = ratio, random, monotonic
        self._second, self._left = 0, TRUSTED

    def takes(self, parent: SpanContext) -> bool:
        """Of a caller; whoever sees to the others asks for a random number, which is the ratio's or not."""
        if not parent.trace_flags.sampled:
            return False
        second = int(self._monotonic())
        if second != self._second:
            self._second, self._left = second, TRUSTED
        self._left -= 1
        return self._left >= 0


def current() -> Recording | None:
    """The span that is being recorded around here; one that has ended is none: a task may outlive its request."""
    span = here()
    return span if span is not None and not span.ended else None


async def awaited[T](span: Recording, work: Awaitable[T]) -> T:
    with span:
        return await work
