"""An answer as bytes and headers; for documents that are kept, with what a cache needs (RFC 9110 §8.8.3, RFC 9111)."""

from collections.abc import Sequence
from hashlib import sha256

from starlette.types import Receive, Scope, Send

from app.engine.excerpt import encode
from app.kernel.value import value
from app.web.answer import Answer

type RawHeaders = Sequence[tuple[bytes, bytes]]

# A 404 may be kept by any cache that is not told otherwise.
NO_STORE = (b"cache-control", b"no-store")
VARY = (b"vary", b"Accept")
# Who asks is told by a header, and so is the media type: no cache may hand one's answer to another.
VARY_BY_CALLER = (b"vary", b"Accept, Authorization")


@value
class Reply:
    """A whole answer, as an ASGI application of its own: no framework's objects are made for it."""

    status: int
    headers: RawHeaders
    content: bytes = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.content})


def respond(answer: Answer, media: str, limit: RawHeaders) -> Reply:
    """To a POST. No cache may keep it: a token's text may be in it. `limit`: what is told of the caller's rate limit."""
    return _reply(answer.status, [*_own(answer), NO_STORE, VARY, *limit], bytes_of(answer), media)


def respond_to_get(
    answer: Answer, media: str, limit: RawHeaders, unless: str | None, guest: bool, max_age: int
) -> Reply:
    """To a HEAD too, of which the server leaves the body out. `unless`: the header If-None-Match; `max_age` in seconds,
    0 for "ask again each time". What caches keep tells nobody's `limit`."""
    content = bytes_of(answer)
    if not answer.kept:
        return _reply(answer.status, [*_own(answer), NO_STORE, VARY_BY_CALLER, *limit], content, media)
    tag = f'"{sha256(media.encode() + content).hexdigest()[:32]}"'
    freshness = f"max-age={max_age}" if max_age else "no-cache"
    control = f"{'public' if guest else 'private'}, {freshness}"
    headers = [(b"etag", tag.encode()), (b"cache-control", control.encode()), VARY_BY_CALLER]
    if unless is not None and matches(unless, tag):
        return Reply(304, headers)
    return _reply(answer.status, headers, content, media)


def _reply(status: int, headers: RawHeaders, content: bytes, media: str) -> Reply:
    described = (
        (b"content-length", b"%d" % len(content)),
        (b"content-type", b"%b; charset=utf-8" % media.encode()),
    )
    return Reply(status, [*described, *headers], content)


def _own(answer: Answer) -> RawHeaders:
    return [(name.encode(), value.encode()) for name, value in answer.headers.items()] if answer.headers else ()


def matches(unless: str, tag: str) -> bool:
    """By weak comparison (RFC 9110 §13.1.2): a proxy that compresses makes our tags weak."""
    return unless.strip() == "*" or tag in (found.strip().removeprefix("W/") for found in unless.split(","))


def bytes_of(answer: Answer) -> bytes:
    """The body, which is JSON."""
    return encode(answer.body)
