"""The answer to whom there is no room for: given before anything of the application sees the request."""

from collections.abc import Sequence

from starlette.types import Send


async def tell_to_wait(send: Send, message: bytes, seconds: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """`message` is plain text, `headers` come beside the answer's own."""
    body = b'{"errors":[{"message":"%b","extensions":{"code":"UNAVAILABLE","retryAfter":%d}}]}' % (message, seconds)
    described = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"retry-after", b"%d" % seconds),
        *headers,
    ]
    await send({"type": "http.response.start", "status": 503, "headers": described})
    await send({"type": "http.response.body", "body": body})
