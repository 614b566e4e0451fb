"""The headers that the endpoint looks at, found in one pass; one that must not come twice is refused when it does."""

from collections.abc import Mapping

from starlette.types import Scope

from app.http.program import PROGRAM
from app.http.refused import Refused

ONCE = frozenset(
    {b"authorization", b"content-type", b"content-length", b"idempotency-key"}
)  # two of them could mean two things
# Several are one list (RFC 9110 §5.3).
LISTS = frozenset({b"accept", b"content-encoding", b"if-match", b"if-none-match", b"x-graphql-cost"}) | PROGRAM

type Headers = Mapping[bytes, str]  # by lower-case name


def read_headers(scope: Scope) -> Headers:
    """Raises Refused."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in ONCE:
            if name in found:
                raise Refused(400, "BAD_REQUEST", f"Send the header {name.decode().title()} once.")
            found[name] = value.decode("latin-1")
        elif name in LISTS:
            text = value.decode("latin-1")
            found[name] = f"{found[name]}, {text}" if name in found else text
    return found
