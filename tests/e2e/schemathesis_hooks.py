"""What schemathesis is told in code: how to send media types that it does not know, and what no schema can say."""

import schemathesis
from schemathesis import HookContext, SerializationContext

MAX_LEVELS = 8


@schemathesis.serializer("application/jsonl", "application/x-ndjson", "text/csv")
def as_it_is(context: SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.hook
def filter_body(context: HookContext, body: object) -> bool:
    """Metadata that are nested deeper than the rules allow are refused, and no schema says how deep that is."""
    return not isinstance(body, dict) or _levels(body.get("metadata")) < MAX_LEVELS


def _levels(value: object) -> int:
    inner = [*value.values()] if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_levels, inner), default=0)
