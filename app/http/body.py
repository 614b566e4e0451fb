"""The body of a request, bounded and as it was sent; it must not ask what the body means."""

from functools import lru_cache

from starlette.types import Receive

from app.http.headers import Headers
from app.http.refused import Refused

JSON = "application/json"


async def read_bytes(receive: Receive, headers: Headers, max_bytes: int) -> bytes:
    """Raises Refused."""
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() != "identity":
        # Not worth a decompression bomb: requests are short, and long documents can be persisted.
        message, accepted = "Send the body as it is, without Content-Encoding.", {"accept-encoding": "identity"}
        raise Refused(415, "UNSUPPORTED_MEDIA_TYPE", message, accepted)
    return await _body(receive, headers.get(b"content-length", ""), max_bytes)


def media_type(header: str) -> str | None:
    """Of a Content-Type, without parameters; None where the charset is another one than UTF-8."""
    return _media_type_of(header) if len(header) <= 200 else None


@lru_cache(maxsize=64)
def _media_type_of(header: str) -> str | None:
    media, *parameters = (part.strip().lower() for part in header.split(";"))
    charset = [part.removeprefix("charset=").strip('"') for part in parameters if part.startswith("charset=")]
    return media if charset in ([], ["utf-8"], ["utf8"]) else None


async def _body(receive: Receive, length: str, max_bytes: int) -> bytes:
    too_large = f"The body must have at most {max_bytes} bytes."
    if length.isdigit() and len(length) < 20 and int(length) > max_bytes:
        raise Refused(413, "PAYLOAD_TOO_LARGE", too_large)
    pieces: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "BAD_REQUEST", "The body did not arrive.")
        piece: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(piece)
        if size > max_bytes:
            raise Refused(413, "PAYLOAD_TOO_LARGE", too_large)
        if not more and not pieces:
            return piece  # as most come: whole
        pieces.append(piece)
    return b"".join(pieces)
