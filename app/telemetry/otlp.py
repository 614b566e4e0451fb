"""Spans as OTLP's protobuf (opentelemetry-proto 1.x), which any collector takes at /v1/traces.

What comes again is written by the published messages once; ids, times and texts that come but once are written here.
They are put one behind the other: two encodings, one behind the other, are the encoding of both (Protocol Buffers,
Encoding, "Last One Wins").
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from struct import Struct

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from opentelemetry.trace import SpanKind

from app.telemetry.spans import ERROR, Recording, Sort, Trace, Value

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
STARTED, ENDED = (
    _tag(Span.START_TIME_UNIX_NANO_FIELD_NUMBER, FIXED64),
    _tag(Span.END_TIME_UNIX_NANO_FIELD_NUMBER, FIXED64),
)
ROOT, CHILD = Struct("<2s8scQcQ"), Struct("<2s8scQcQ2s8s")
ATTRIBUTE = _tag(Span.ATTRIBUTES_FIELD_NUMBER, LENGTH)
KEY, OF_KEY = _tag(KeyValue.KEY_FIELD_NUMBER, LENGTH), _tag(KeyValue.VALUE_FIELD_NUMBER, LENGTH)
TEXT = _tag(AnyValue.STRING_VALUE_FIELD_NUMBER, LENGTH)
SPAN = _tag(ScopeSpans.SPANS_FIELD_NUMBER, LENGTH)
OF_SCOPE = _tag(ResourceSpans.SCOPE_SPANS_FIELD_NUMBER, LENGTH)
OF_RESOURCE = _tag(ExportTraceServiceRequest.RESOURCE_SPANS_FIELD_NUMBER, LENGTH)


def request_of(spans: Sequence[Recording], about: Mapping[str, Value]) -> bytes:
    """`about`: whose spans they are."""
    attributes = [KeyValue(key=key, value=_value(value)) for key, value in about.items()]
    resource: bytes = ResourceSpans(resource=Resource(attributes=attributes)).SerializeToString()
    parts = [SCOPE]
    for span in spans:
        _put(span, parts)
    return _held(OF_RESOURCE, resource + _held(OF_SCOPE, b"".join(parts)))


@lru_cache(4_096)
def _before(tag: bytes, length: int) -> bytes:
    """What stands before a field's content: its length, seven bits a byte, the lowest first."""
    written = bytearray(tag)
    while length > 127:
        written.append(length & 127 | 128)
        length >>= 7
    written.append(length)
    return bytes(written)


def _held(tag: bytes, content: bytes) -> bytes:
    return _before(tag, len(content)) + content


def _put(span: Recording, parts: list[bytes]) -> None:
    """As few steps as can be: every span that is sent pays for them."""
    trace, sort, own = span.trace.written or _write_trace(span.trace), span.sort.written or _write(span.sort), b""
    for key, value in span.attributes.items():
        if isinstance(value, str):  # mostly the id of a request, so that none is kept
            text = value[:LONGEST].encode()
            own += _before_text(key, len(text)) + text
        else:
            own += _attribute(key, value)
    if ERROR in span.attributes:
        own += FAILED
    if span.parent:
        fixed = CHILD.pack(SPAN_ID, span.id, STARTED, span.started, ENDED, span.ended, PARENT_ID, span.parent)
    else:
        fixed = ROOT.pack(SPAN_ID, span.id, STARTED, span.started, ENDED, span.ended)
    parts += (_before(SPAN, len(trace) + len(fixed) + len(sort) + len(own)), trace, fixed, sort, own)


@lru_cache(4_096)
def _before_text(key: str, length: int) -> bytes:
    """What stands before the text of an attribute: all that holds it, each with its length."""
    text, name = _before(TEXT, length), _held(KEY, key.encode())
    value = _before(OF_KEY, len(text) + length)
    return _before(ATTRIBUTE, len(name) + len(value) + len(text) + length) + name + value + text


def _write_trace(trace: Trace) -> bytes:
    trace.written = TRACE_ID + trace.id
    if trace.state:
        trace.written += Span(trace_state=trace.state.to_header()).SerializeToString()
    return trace.written


def _write(sort: Sort) -> bytes:
    attributes = [KeyValue(key=key, value=_value(value)) for key, value in sort.attributes.items()]
    content: bytes = Span(name=sort.name[:LONGEST], kind=KINDS[sort.kind], attributes=attributes).SerializeToString()
    sort.written = content + FAILED if ERROR in sort.attributes else content
    return sort.written


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
