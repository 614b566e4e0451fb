"""What schemathesis sends of media types that it does not know: text, as it is."""

import schemathesis
from schemathesis import SerializationContext


@schemathesis.serializer("application/jsonl", "application/x-ndjson", "text/csv")
def as_it_is(context: SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
