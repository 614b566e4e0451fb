"""One request as the load sends it."""

from dataclasses import dataclass, replace

COUNTER = b"@" * 9  # in a body: the load puts the request's number there


@dataclass(frozen=True)
class Request:
    """`authorization`: the header's value; empty: none is sent. No part has a tab or an end of line in it."""

    method: str
    path: str
    body: bytes = b""
    authorization: str = ""

    @property
    def line(self) -> bytes:
        """As load.lua reads it."""
        return b"\t".join((self.method.encode(), self.path.encode(), self.authorization.encode(), self.body))

    def numbered(self, number: int) -> "Request":
        return replace(self, body=self.body.replace(COUNTER, b"%09d" % number))
