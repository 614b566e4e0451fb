"""The answer to whom there is no room for: given before anything of the application sees the request."""

from collections.abc import Iterable, Sequence
from functools import cache

from starlette.types import Send

type Headers = Sequence[tuple[bytes, bytes]]


async def tell_to_wait(send: Send, message: bytes, seconds: int, headers: Headers) -> None:
    """`message` is plain text, `headers` come beside the answer's own."""
    described, body = _answer(message, seconds)
    await send({"type": "http.response.start", "status": 503, "headers": [*described, *headers]})
    await send({"type": "http.response.body", "body": body})


def told_to_wait(message: bytes, seconds: int, headers: Iterable[tuple[bytes, bytes]], with_body: bool) -> bytes:
    """The same as it goes over the connection."""
    described, body = _answer(message, seconds)
    lines = [b"%b: %b\r\n" % header for header in (*headers, *described)]
    return b"".join((b"HTTP/1.1 503 Service Unavailable\r\n", *lines, b"\r\n", body if with_body else b""))


@cache
def _answer(message: bytes, seconds: int) -> tuple[Headers, bytes]:
    body = b'{"errors":[{"message":"%b","extensions":{"code":"UNAVAILABLE","retryAfter":%d}}]}' % (message, seconds)
    described = (
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"retry-after", b"%d" % seconds),
    )
    return described, body
