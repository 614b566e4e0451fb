"""Spans as OTLP's protobuf (opentelemetry-proto 1.x), which any collector takes at /v1/traces."""

from collections.abc import Mapping, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from app.telemetry.spans import Recording

LONGEST = 200  # characters of a value
KINDS = {
    SpanKind.INTERNAL: Span.SPAN_KIND_INTERNAL,
    SpanKind.SERVER: Span.SPAN_KIND_SERVER,
    SpanKind.CLIENT: Span.SPAN_KIND_CLIENT,
}
FAILED = Status(code=Status.STATUS_CODE_ERROR)


def request_of(spans: Sequence[Recording], about: Mapping[str, AttributeValue]) -> bytes:
    """`about`: whose spans they are."""
    scope = ScopeSpans(scope=InstrumentationScope(name="feature_api"), spans=[_span(span) for span in spans])
    whole = ResourceSpans(resource=Resource(attributes=_attributes(about)), scope_spans=[scope])
    content: bytes = ExportTraceServiceRequest(resource_spans=[whole]).SerializeToString()
    return content


def _span(span: Recording) -> Span:
    context = span.get_span_context()
    return Span(
        trace_id=context.trace_id.to_bytes(16),
        span_id=context.span_id.to_bytes(8),
        parent_span_id=span.parent.to_bytes(8) if span.parent else b"",
        trace_state=context.trace_state.to_header() if context.trace_state else "",
        name=span.name[:LONGEST],
        kind=KINDS[span.kind],
        start_time_unix_nano=span.started,
        end_time_unix_nano=span.ended,
        attributes=_attributes(span.attributes),
        status=FAILED if span.failed else None,
    )


def _attributes(attributes: Mapping[str, AttributeValue]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in attributes.items()]


def _value(value: object) -> AnyValue:
    if value.__class__ is str:
        return AnyValue(string_value=str(value)[:LONGEST])
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, Sequence):
        return AnyValue(array_value=ArrayValue(values=[_value(one) for one in value[:LONGEST]]))
    return AnyValue(string_value=str(value)[:LONGEST])
