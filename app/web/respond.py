"""An answer as bytes and headers; for documents that are kept, with what a cache needs (RFC 9110 §8.8.3, RFC 9111)."""

from hashlib import sha256

import orjson
from starlette.responses import Response

from app.web.answer import Answer

NO_STORE = {"cache-control": "no-store"}  # a 404 may be kept by any cache that is not told otherwise


def respond(answer: Answer, media: str) -> Response:
    """To a POST."""
    headers = {**answer.headers, "vary": "Accept"}
    return Response(_bytes(answer), answer.status, headers, f"{media}; charset=utf-8")


def respond_to_get(answer: Answer, media: str, unless: str | None, guest: bool, max_age: int) -> Response:
    """To a HEAD too, of which the server leaves the body out. `unless`: the header If-None-Match; `max_age` in seconds,
    0 for "ask again each time"."""
    content = _bytes(answer)
    # Who asks is told by a header, and so is the media type: no cache may hand one's answer to another.
    vary = {"vary": "Accept, Authorization"}
    content_type = f"{media}; charset=utf-8"
    if not answer.kept:
        return Response(content, answer.status, {**answer.headers, **NO_STORE, **vary}, content_type)
    tag = f'"{sha256(content_type.encode() + content).hexdigest()[:32]}"'
    freshness = f"max-age={max_age}" if max_age else "no-cache"
    headers = {"etag": tag, "cache-control": f"{'public' if guest else 'private'}, {freshness}", **vary}
    if unless is not None and _matches(unless, tag):
        return Response(b"", 304, headers)
    return Response(content, answer.status, headers, content_type)


def _matches(unless: str, tag: str) -> bool:
    """By weak comparison (RFC 9110 §13.1.2): a proxy that compresses makes our tags weak."""
    return unless.strip() == "*" or tag in (found.strip().removeprefix("W/") for found in unless.split(","))


def _bytes(answer: Answer) -> bytes:
    return orjson.dumps(answer.body, option=orjson.OPT_UTC_Z)
