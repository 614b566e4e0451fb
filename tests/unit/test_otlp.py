"""What is sent to a collector, byte for byte what the messages that OpenTelemetry publishes say of the same spans."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, TraceState

from app.telemetry.otlp import request_of
from app.telemetry.spans import Recorder, Recording, Sort


def test_spans_are_read_back_as_they_were() -> None:
    ended: list[Recording] = []
    caller = SpanContext(2**127 + 1, 2**63 + 1, True, TraceFlags(1), TraceState([("vendor", "word")]))
    with Recorder(ended.append).root(Sort("GET /ü", SpanKind.SERVER, {"shared": 1}), caller) as root:
        root.attributes |= {"yes": True, "one": 1, "real": 1.0, "least": -(2**63), "text": "é" * 300}
        child = root.child(Sort("n" * 20_000))
        child.fail("INTERNAL")
        child.end()
    for number in range(300):  # lengths of one byte, of two, of three
        root.attributes[f"more {number}"] = "x" * number
    whole = ExportTraceServiceRequest.FromString(request_of(ended, {"service.name": "tested"}))
    [resource] = whole.resource_spans
    [about], [scope] = resource.resource.attributes, resource.scope_spans
    assert (about.key, about.value.string_value, scope.scope.name) == ("service.name", "tested", "feature_api")
    inner, outer = scope.spans
    assert (inner.trace_id, inner.parent_span_id) == (outer.trace_id, outer.span_id)
    assert (outer.trace_id, outer.parent_span_id) == (caller.trace_id.to_bytes(16), caller.span_id.to_bytes(8))
    assert (inner.name, outer.name, outer.trace_state) == ("n" * 200, "GET /ü", "vendor=word")
    assert (inner.kind, outer.kind, inner.status.code, outer.status.code) == (1, 2, 2, 0)
    assert (outer.start_time_unix_nano, outer.end_time_unix_nano) == (root.started, root.ended)
    values = {one.key: getattr(one.value, one.value.WhichOneof("value") or "") for one in outer.attributes}
    expected = {key: value[:200] if isinstance(value, str) else value for key, value in root.attributes.items()}
    assert values == {"shared": 1, **expected}
    assert [type(values[key]) for key in ("yes", "one", "real")] == [bool, int, float]


def test_spans_of_one_sort_and_trace_share_what_is_written_and_nothing_else() -> None:
    ended: list[Recording] = []
    sort = Sort("GET /", SpanKind.SERVER, {"error.type": "500", "shared": "é" * 300})
    with Recorder(ended.append).root(sort) as root:
        root.attributes["own"] = "of the root"
        root.child(sort).end()
    Recorder(ended.append).root(sort).end()
    whole = ExportTraceServiceRequest.FromString(request_of(ended, {}) + request_of(ended, {}))  # what is kept is used
    for resource in whole.resource_spans:
        inner, outer, other = resource.scope_spans[0].spans
        assert inner.trace_id == outer.trace_id != other.trace_id
        assert (inner.parent_span_id, outer.parent_span_id, other.parent_span_id) == (outer.span_id, b"", b"")
        assert len({inner.span_id, outer.span_id, other.span_id}) == 3
        for span in (inner, outer, other):
            shared = {one.key: one.value.string_value for one in span.attributes}
            own = {"own": "of the root"} if span is outer else {}
            assert shared == {"error.type": "500", "shared": "é" * 200} | own
            assert (span.name, span.kind, span.status.code) == ("GET /", 2, 2)


def test_values_that_are_equal_and_of_different_types_are_told_apart() -> None:
    """An encoded attribute is remembered by its key and its value, and to a dict True, 1 and 1.0 are one key."""
    values = (True, 1, 1.0)
    for value in values:
        ended: list[Recording] = []
        with Recorder(ended.append).root(Sort("GET", SpanKind.SERVER)) as root:
            root.attributes["same"] = value
        whole = ExportTraceServiceRequest.FromString(request_of(ended, {}))
        [attribute] = whole.resource_spans[0].scope_spans[0].spans[0].attributes
        assert type(getattr(attribute.value, attribute.value.WhichOneof("value") or "")) is type(value)
