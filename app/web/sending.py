"""An answer that comes in one piece leaves in one: head and body are one write, and no header is checked twice.

uvicorn searches each header of each answer by two expressions, and writes head and body one after the other. Nearly all
of our headers are the same on every answer. What comes in parts, is asked for by HEAD, or meets a peer that is slow or
gone goes uvicorn's way.
"""

from collections.abc import Awaitable
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE, RequestResponseCycle

REMEMBERED = 1_024  # headers; those of every answer are never the oldest
THEIRS = frozenset({b"connection", b"transfer-encoding"})  # what uvicorn makes something of
SECRET = b"set-cookie"  # not to be remembered


class Whole:
    """An application around `app`, for one request of uvicorn's."""

    __slots__ = ("_app", "_cycle", "_send", "_start")

    def __init__(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:
        self._cycle, self._app = cycle, app
        self._start: Message | None = None
        self._send: Send

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        self._send = send
        return self._app(scope, receive, self._answer)

    async def _answer(self, message: Message) -> None:
        start, self._start = self._start, None
        if start is not None:
            if self._is_written(start, message):
                return
            await self._send(start)
        elif message["type"] == "http.response.start" and not self._cycle.response_started:
            self._start = message  # until it is known what comes with it
            return
        await self._send(message)

    def _is_written(self, start: Message, message: Message) -> bool:
        """Raises RuntimeError for what is no header, as uvicorn does."""
        cycle, body = self._cycle, message.get("body", b"")
        if message["type"] != "http.response.body" or message.get("more_body"):
            return False
        if cycle.flow.write_paused or cycle.disconnected or cycle.scope["method"] == "HEAD":
            return False
        told = -1
        head = [STATUS_LINE[start["status"]]]
        for name, value in (*cycle.default_headers, *start["headers"]):
            if name == b"content-length":
                told = int(value)
            elif name in THEIRS:
                return False
            head.append(_checked(name, value) if name == SECRET else _line(name, value))
        if told != len(body):
            return False
        head.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
        head.append(body)
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.transport.write(b"".join(head))
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True


def _checked(name: bytes, value: bytes) -> bytes:
    if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
        raise RuntimeError("This is no valid HTTP header.")
    return b"%b: %b\r\n" % (name.lower(), value)


_line = lru_cache(REMEMBERED)(_checked)
