"""Answers are compressed for who asks for it, where that pays: by gzip, from some size on.

The application knows nothing of it: tags of compressed answers get a suffix here, and lose it on their way back, so that
each representation has a tag of its own (RFC 9110 §8.8.3.3) and conditional requests go on as they were. Nothing is
compressed that could hold a secret beside words of who asks: its length would tell of it (BREACH).
"""

import zlib
from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.encoding import preferred_coding
from app.http.facts import about

GZIP = b"gzip"
LEVEL = 1  # 6 takes twice to five times as long for a tenth less
WINDOW = 31  # the longest, in the format of gzip
SUFFIX = b'-gzip"'
CONDITIONS = (b"if-match", b"if-none-match")
PLAIN = ("/auth/", "/static/")  # secrets; files that lie there compressed
MEDIA = (b"application/json", b"application/graphql-response+json", b"application/problem+json", b"application/jsonl",
         b"text/")  # fmt: skip
BY_CODING = b"Accept-Encoding"

type Header = tuple[bytes, bytes]


class Compress:
    """A middleware. `smallest`: bytes of a body from which on it is compressed, where its length is known."""

    def __init__(self, app: ASGIApp, smallest: int) -> None:
        self._app, self._smallest = app, smallest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(PLAIN):
            await self._app(scope, receive, send)
            return
        accepted, tagged = b"", False
        for name, value in scope["headers"]:
            if name == b"accept-encoding":
                accepted = b"%b,%b" % (accepted, value) if accepted else value
            elif name in CONDITIONS and SUFFIX in value:
                tagged = True
        if tagged:
            known = b"".join(value for name, value in scope["headers"] if name == b"if-none-match")
            scope = {**scope, "headers": [_without_suffix(header) for header in scope["headers"]]}
            send = _Tagged(send, known)
        wanted = bool(accepted) and preferred_coding(accepted.decode("latin-1"), ("gzip",)) is not None
        # An answer to a POST is kept by nobody, so it need not say what it depends on.
        if wanted or scope["method"] != "POST":
            send = _Compressed(send, scope, wanted, self._smallest)
        await self._app(scope, receive, send)


class _Compressed:
    """Takes the place of `send`, for one answer."""

    def __init__(self, send: Send, scope: Scope, wanted: bool, smallest: int) -> None:
        self._send, self._scope, self._wanted, self._smallest = send, scope, wanted, smallest
        self._start: Message | None = None
        self._gzip: "zlib._Compress | None" = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif self._start is not None:
            start, self._start = self._start, None
            await self._begin(start, message)
        elif self._gzip is None:
            await self._send(message)
        else:
            await self._go_on(self._gzip, message)

    async def _begin(self, start: Message, first: Message) -> None:
        headers: Sequence[Header] = start["headers"]
        content, more = first.get("body", b""), first.get("more_body", False)
        if start["status"] in (204, 206, 304) or not _may_be(headers) or about(self._scope).plain:
            await self._send(start)
            await self._send(first)
            return
        if not more and len(content) < self._smallest:
            await self._send(start)
            await self._send(first)
            return
        start["headers"] = headers = _varying(headers)
        if not self._wanted:
            await self._send(start)
            await self._send(first)
            return
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW)
        if not more:
            content = packer.compress(content) + packer.flush()
            start["headers"] = [*_encoded(headers), (b"content-length", b"%d" % len(content))]
            await self._send(start)
            await self._send({**first, "body": content})
            return
        self._gzip = packer
        start["headers"] = _encoded(headers)
        await self._send(start)
        await self._go_on(packer, first)

    async def _go_on(self, packer: "zlib._Compress", message: Message) -> None:
        content, more = packer.compress(message.get("body", b"")), message.get("more_body", False)
        if not more:
            content += packer.flush()
        await self._send({**message, "body": content})


class _Tagged:
    """Takes the place of `send` where the caller has tags of compressed answers: a 304 names the one that it has, and
    says what that depends on, as the 200 did."""

    def __init__(self, send: Send, known: bytes) -> None:
        self._send, self._known = send, known

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 304:
            headers: Sequence[Header] = message["headers"]
            tag = next((_suffixed(value) for name, value in headers if name == b"etag"), b"")
            if tag and tag in self._known:
                kept = [(name, tag if name == b"etag" else value) for name, value in headers]
                message["headers"] = _varying(kept)
        await self._send(message)


def _may_be(headers: Sequence[Header]) -> bool:
    """Text that is not encoded yet, and sets no cookie."""
    text = False
    for name, value in headers:
        if name in (b"content-encoding", b"set-cookie"):
            return False
        if name == b"content-type":
            text = value.startswith(MEDIA)
    return text


def _varying(headers: Sequence[Header]) -> list[Header]:
    kept = [header for header in headers if header[0] != b"vary"]
    return [*kept, (b"vary", b", ".join((*(value for name, value in headers if name == b"vary"), BY_CODING)))]


def _encoded(headers: Sequence[Header]) -> list[Header]:
    kept = [
        (name, _suffixed(value)) if name == b"etag" else (name, value)
        for name, value in headers
        if name != b"content-length"
    ]
    return [*kept, (b"content-encoding", GZIP)]


def _suffixed(tag: bytes) -> bytes:
    """Of a strong tag; a weak one is the same for all codings."""
    return tag if tag.startswith(b"W/") else tag[:-1] + SUFFIX


def _without_suffix(header: Header) -> Header:
    name, value = header
    return (name, value.replace(SUFFIX, b'"')) if name in CONDITIONS else header
