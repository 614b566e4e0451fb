"""Load that does not wait: so many requests a second, whatever becomes of those before (an open loop).

A closed loop, as wrk is, asks less the slower it is answered, and so cannot overload anybody; here a time is counted
from the moment at which the request was due, not from when there was a connection for it.
"""

import asyncio
import gc
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import cast

import httptools
import uvloop

from bench.request import COUNTER, Request

TICK = 0.001  # seconds between two looks at what is due
PATIENCE = 10.0  # seconds that the last answers are waited for


@dataclass(frozen=True, slots=True)
class Answer:
    """`due` in seconds since the first request of all; `took` in seconds from then on; status 0: the connection ended;
    `again` whether it said Retry-After; `late`: of `took`, how long it was until we asked, who had no time before."""

    due: float
    took: float
    status: int
    again: bool
    late: float = 0.0


@dataclass
class Seen:
    """What became of the requests: `unsent` of those for which no connection was free, `unanswered` of the others.
    `begun` as `time.perf_counter` says it."""

    answers: list[Answer] = field(default_factory=list)
    unsent: int = 0
    unanswered: int = 0
    begun: float = 0.0


@dataclass(frozen=True)
class Phase:
    """So many requests a second for so many seconds."""

    rate: float
    seconds: float


def send_all(address: tuple[str, int], requests: Sequence[Request], phases: Sequence[Phase], connections: int) -> Seen:
    """One phase after the other, without a pause. The connections take turns: whoever was answered waits longest until
    it asks again."""
    gc.collect()
    gc.freeze()
    gc.disable()  # its pauses would be counted as the server's
    try:
        return uvloop.run(_send_all(address, requests, phases, connections))
    finally:
        gc.enable()
        gc.unfreeze()


async def _send_all(
    address: tuple[str, int], requests: Sequence[Request], phases: Sequence[Phase], connections: int
) -> Seen:
    seen, free = Seen(), deque["_Peer"]()
    loop = asyncio.get_running_loop()
    host, port = address
    texts = [_text(request, host) for request in requests]
    peers: list[_Peer] = []
    for _ in range(connections):
        _, protocol = await loop.create_connection(lambda: _Peer(seen, free), host, port)
        peers.append(protocol)
    free.extend(peers)
    numbers = count()
    seen.begun = begun = time.perf_counter()
    ahead = deque(_times(phases))
    while ahead:
        now = time.perf_counter() - begun
        while ahead and ahead[0] <= now:
            due, number = ahead.popleft(), next(numbers)
            if free:
                text = texts[number % len(texts)].replace(COUNTER, b"%09d" % number)
                free.popleft().ask(text, begun, due)
            else:
                seen.unsent += 1
        await asyncio.sleep(TICK)
    deadline = time.perf_counter() + PATIENCE
    while any(peer.busy for peer in peers) and time.perf_counter() < deadline:  # noqa: ASYNC110 a look each tick
        await asyncio.sleep(TICK)
    seen.unanswered = sum(peer.busy for peer in peers)
    for peer in peers:
        peer.end()
    return seen


def _times(phases: Sequence[Phase]) -> Iterator[float]:
    """When each request is due, in seconds."""
    begun = 0.0
    for phase in phases:
        yield from (begun + number / phase.rate for number in range(round(phase.rate * phase.seconds)))
        begun += phase.seconds


class _Peer(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, seen: Seen, free: deque["_Peer"]) -> None:
        self._seen, self._free = seen, free
        self._parser = httptools.HttpResponseParser(self)
        self._begun, self._due, self._late = 0.0, 0.0, 0.0
        self._again = False
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, text: bytes, begun: float, due: float) -> None:
        self._begun, self._due, self._again, self.busy = begun, due, False, True
        self._late = time.perf_counter() - begun - due
        self._transport.write(text)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._again = True

    def on_message_complete(self) -> None:
        self._note(self._parser.get_status_code())
        self._free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.busy:
            self._note(0)
        elif self in self._free:
            self._free.remove(self)

    def _note(self, status: int) -> None:
        self.busy = False
        took = time.perf_counter() - self._begun - self._due
        self._seen.answers.append(Answer(self._due, took, status, self._again, self._late))

    def end(self) -> None:
        self._transport.abort()


def _text(request: Request, host: str) -> bytes:
    headers = {"Host": host, "Authorization": request.authorization}
    if request.body:
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(request.body))}
    if request.method == "PUT":
        headers["If-Match"] = "*"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{request.method} {request.path} HTTP/1.1\r\n{lines}\r\n".encode() + request.body
