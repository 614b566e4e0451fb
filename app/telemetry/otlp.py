"""Spans as OTLP's protobuf (opentelemetry-proto 1.x), which any collector takes at /v1/traces.

Parts that come again are written by the published messages once, and put one behind the other: two encodings, one
behind the other, are the encoding of both (Protocol Buffers, Encoding, "Last One Wins").
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from struct import Struct

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from opentelemetry.trace import SpanKind

from app.telemetry.spans import Recording, Value

LONGEST = 200  # characters of a value
KINDS = {
    SpanKind.INTERNAL: Span.SPAN_KIND_INTERNAL,
    SpanKind.SERVER: Span.SPAN_KIND_SERVER,
    SpanKind.CLIENT: Span.SPAN_KIND_CLIENT,
}
FIXED64, LENGTH = 1, 2  # how a value is written


def _tag(field: int, written: int) -> bytes:
    return bytes([field << 3 | written])


FAILED = Span(status=Status(code=Status.STATUS_CODE_ERROR)).SerializeToString()
SCOPE = ScopeSpans(scope=InstrumentationScope(name="feature_api")).SerializeToString()
TRACE_ID = _tag(Span.TRACE_ID_FIELD_NUMBER, LENGTH) + bytes([16])
SPAN_ID = _tag(Span.SPAN_ID_FIELD_NUMBER, LENGTH) + bytes([8])
PARENT_ID = _tag(Span.PARENT_SPAN_ID_FIELD_NUMBER, LENGTH) + bytes([8])
TIMES = Struct("<cQcQ")
STARTED, ENDED = (
    _tag(Span.START_TIME_UNIX_NANO_FIELD_NUMBER, FIXED64),
    _tag(Span.END_TIME_UNIX_NANO_FIELD_NUMBER, FIXED64),
)
SPAN = _tag(ScopeSpans.SPANS_FIELD_NUMBER, LENGTH)
OF_SCOPE = _tag(ResourceSpans.SCOPE_SPANS_FIELD_NUMBER, LENGTH)
OF_RESOURCE = _tag(ExportTraceServiceRequest.RESOURCE_SPANS_FIELD_NUMBER, LENGTH)


def request_of(spans: Sequence[Recording], about: Mapping[str, Value]) -> bytes:
    """`about`: whose spans they are."""
    attributes = [KeyValue(key=key, value=_value(value)) for key, value in about.items()]
    resource: bytes = ResourceSpans(resource=Resource(attributes=attributes)).SerializeToString()
    inside = SCOPE + b"".join([_held(SPAN, _span(span)) for span in spans])
    return _held(OF_RESOURCE, resource + _held(OF_SCOPE, inside))


def _held(tag: bytes, content: bytes) -> bytes:
    """As a field: its length before it, seven bits a byte, the lowest first."""
    length, size = len(content), bytearray(tag)
    while length > 127:
        size.append(length & 127 | 128)
        length >>= 7
    size.append(length)
    return bytes(size) + content


def _span(span: Recording) -> bytes:
    parts = [TRACE_ID, span.trace.to_bytes(16), SPAN_ID, span.id.to_bytes(8)]
    if span.parent:
        parts += (PARENT_ID, span.parent.to_bytes(8))
    if span.state:
        parts.append(Span(trace_state=span.state.to_header()).SerializeToString())
    parts += (_named(span.name, span.kind), TIMES.pack(STARTED, span.started, ENDED, span.ended))
    parts += [_attribute(key, value) for key, value in span.attributes.items()]
    if span.failed:
        parts.append(FAILED)
    return b"".join(parts)


@lru_cache(1_024)
def _named(name: str, kind: SpanKind) -> bytes:
    content: bytes = Span(name=name[:LONGEST], kind=KINDS[kind]).SerializeToString()
    return content


@lru_cache(4_096, typed=True)  # True, 1 and 1.0 are told apart
def _attribute(key: str, value: Value) -> bytes:
    content: bytes = Span(attributes=[KeyValue(key=key, value=_value(value))]).SerializeToString()
    return content


def _value(value: Value) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value[:LONGEST])
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(double_value=value)
