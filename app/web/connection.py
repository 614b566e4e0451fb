"""The HTTP connection: uvicorn's, with bounds on what a peer may send, how slowly, and how many peers there may be.

uvicorn bounds neither the head of a request nor the time that head, body or an answer's way out may take, and its
limits answer without Retry-After. Nothing here costs a request that comes and goes in one piece more than to be counted.
"""

import asyncio
import socket
import struct
from asyncio import TimerHandle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import orjson
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from app.web.admission import AdmittingProtocol
from app.web.crowd import Crowd
from app.web.protections import SecurityHeaders
from app.web.sending import Whole
from app.web.turned_away import tell_to_wait

AHEAD = 64  # requests that a peer may send before the answer to the first; uvicorn keeps all that come
LINGER_NOT = struct.pack("ii", 1, 0)
RETRY_AFTER = 5  # seconds, for who comes when all connections are taken
SLOW = 0.25  # seconds after which a body keeps others waiting no longer


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Times in seconds. From `connections` on a peer is told to wait, and from twice as many it is not even heard. From
    `requests` under way on another one is told to wait, and while they are slow from `slow_requests` on; what waits
    for its peer, to send or to take, is not counted."""

    connections: int
    requests: int
    slow_requests: int
    headers: int
    header_bytes: int
    header_timeout: float
    body_timeout: float
    write_timeout: float


class _TooMuchError(Exception):
    """Raised through the parser, which takes it for a fault in the request and stops."""


def guarded(
    limits: ConnectionLimits, protections: SecurityHeaders, told: Callable[[], None] = lambda: None
) -> type[asyncio.Protocol]:
    """What uvicorn is to make for each connection. `told` hears of each request for which there was no room."""

    class Guarded(_GuardedProtocol):
        bounds = limits
        default_headers = protections.beside(())
        crowd = Crowd(limits.slow_requests, limits.requests)
        turned_away = staticmethod(told)

    return Guarded


class _GuardedProtocol(AdmittingProtocol):
    bounds: ConnectionLimits

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._timer: TimerHandle | None = None  # of the head or the body that is on its way
        self._unread: TimerHandle | None = None  # of an answer that the peer does not take
        self._in_head, self._in_body = False, False
        self._slow, self._stuck = False, False  # does a request wait for its peer, to send or to take?
        self._head = 0  # bytes of an unfinished head so far
        self._refusal = (400, "BAD_REQUEST", "This is no valid HTTP request.")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        if len(self.connections) > 2 * self.bounds.connections:
            self.transport.abort()
        elif len(self.connections) > self.bounds.connections:
            self._served = self._overloaded
        self._await(self.bounds.header_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        self._taken()
        self.crowd.away -= self._slow + self._stuck
        self._slow, self._stuck = False, False
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head += len(data)
        super().data_received(data)
        if (self._in_head or self._in_body) and not self.transport.is_closing():  # a part, the rest is to come
            if self._in_head and self._head > self.bounds.header_bytes:
                self._refuse(431, "HEADERS_TOO_LARGE", self._too_large)
            elif self._timer is None and self._in_head:
                self._await(self.bounds.header_timeout)
            elif self._timer is None:
                self._timer = self.loop.call_later(min(SLOW, self.bounds.body_timeout), self._slowly)

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._arrived()
        limit = self.bounds.header_bytes
        if len(self.headers) > self.bounds.headers or (self._head > limit and self._size() > limit):
            self._refusal = (431, "HEADERS_TOO_LARGE", self._too_large)
            raise _TooMuchError
        if len(self.pipeline) >= AHEAD:
            raise _TooMuchError
        self._in_head, self._in_body, self._head = False, True, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body, self._head = False, 0
        self._arrived()
        if self._slow:
            self._slow = False
            self.crowd.away -= 1
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(*self._refusal)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, cast(Any, Whole(cycle, app)))

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._leave()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._leave()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck, self._since = True, None
        self.crowd.away += 1
        self._leave()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stuck = False
        self.crowd.away -= 1
        if not self.transport.is_closing():
            self._taken()

    @property
    def _too_large(self) -> str:
        return f"Send at most {self.bounds.headers} header fields, and {self.bounds.header_bytes} bytes of them."

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _await(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._too_slow)

    def _slowly(self) -> None:
        self._since = None
        if not self._skipping:
            self._slow = True
            self.crowd.away += 1
        self._await(max(0, self.bounds.body_timeout - SLOW))

    def _arrived(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _leave(self) -> None:
        """Waits no longer than that for the peer to take what was written."""
        if self._unread is None:
            self._unread = self.loop.call_later(self.bounds.write_timeout, self._cut)

    def _cut(self) -> None:
        """Drops what is on its way too: the system would keep it for as long as the peer pleases."""
        connected = self.transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        self.transport.abort()

    def _taken(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._in_head or self._in_body:
            self._refuse(408, "REQUEST_TIMEOUT", "The request did not arrive in time.")
        else:
            self.transport.close()

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answers before there is a request that the application could answer, and ends the connection."""
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if self._skipping or cycle is not None and (cycle.response_started if self._in_body else not cycle.response_complete):
            self.transport.close()  # in the midst of another answer nothing can be said
            self._leave()
            return
        body = orjson.dumps({"errors": [{"message": message, "extensions": {"code": code}}]})
        headers = (
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
            *self.default_headers,
        )
        lines = [b"%b: %b\r\n" % header for header in (*self.server_state.default_headers, *headers)]
        self.transport.write(b"".join((STATUS_LINE[status], *lines, b"\r\n", body)))
        self.transport.close()
        self._leave()

    async def _overloaded(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = ((b"connection", b"close"), *self.default_headers)
        await tell_to_wait(send, b"Too many connections: try again.", RETRY_AFTER, headers)
