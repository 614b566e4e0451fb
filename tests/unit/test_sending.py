"""An answer that leaves in one piece has the bytes that uvicorn gives it, and nothing that uvicorn refuses gets out."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, cast

import pytest
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.web.sending import Whole

HEADERS = [(b"content-length", b"4"), (b"content-type", b"text/plain"), (b"vary", b"Accept")]
START: Message = {"type": "http.response.start", "status": 200, "headers": HEADERS}
BODY: Message = {"type": "http.response.body", "body": b"body"}


class Transport:
    """Remembers what was written, and whether it was closed."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Sent:
    """What came of an answer: `whole` by ours, else by uvicorn alone."""

    def __init__(self, messages: Sequence[Message], whole: bool, method: str = "POST", keep_alive: bool = True) -> None:
        self.transport, self.completed = Transport(), 0
        self._messages, self._whole = messages, whole
        self.cycle = RequestResponseCycle(
            scope=cast(Any, {"type": "http", "method": method}),
            transport=cast(asyncio.Transport, self.transport),
            flow=FlowControl(cast(asyncio.Transport, self.transport)),
            logger=logging.getLogger("none"),
            access_logger=logging.getLogger("none"),
            access_log=False,
            default_headers=[(b"date", b"today")],
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=keep_alive,
            on_response=self._complete,
        )

    async def run(self) -> "Sent":
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            for message in self._messages:
                await send(dict(message))

        app: Any = Whole(self.cycle, application) if self._whole else application
        await self.cycle.run_asgi(app)
        return self

    def _complete(self) -> None:
        self.completed += 1

    @property
    def facts(self) -> tuple[object, ...]:
        cycle = self.cycle
        return b"".join(self.transport.writes), self.transport.closed, self.completed, cycle.response_complete


def start(*headers: tuple[bytes, bytes], status: int = 200) -> Message:
    return {**START, "status": status, "headers": [*HEADERS, *headers]}


BARE: Message = {**START, "headers": []}
PART: Message = {**BODY, "more_body": True}
CASES: dict[str, tuple[Sequence[Message], str, bool]] = {
    "an answer": ([START, BODY], "POST", True),
    "the last one of a connection": ([START, BODY], "POST", False),
    "an answer to HEAD": ([START, BODY], "HEAD", True),
    "no length": ([BARE, BODY], "GET", True),
    "no body": ([{**BARE, "status": 204}, {"type": "http.response.body"}], "GET", True),
    "in parts": ([BARE, PART, PART, BODY], "GET", True),
    "in parts of a known length": ([start(), {**PART, "body": b"bo"}, {**BODY, "body": b"dy"}], "GET", True),
    "a connection that ends": ([start((b"connection", b"close")), BODY], "GET", True),
    "names in capitals": ([start((b"X-Name", b"Value")), BODY], "GET", True),
    "a cookie": ([start((b"set-cookie", b"a=b")), BODY], "GET", True),
    "a refusal": ([start(status=503), BODY], "POST", True),
}


@pytest.mark.parametrize("case", CASES)
async def test_bytes_are_those_of_uvicorn(case: str) -> None:
    messages, method, keep_alive = CASES[case]
    whole = await Sent(messages, True, method, keep_alive).run()
    plain = await Sent(messages, False, method, keep_alive).run()
    assert whole.facts == plain.facts
    assert whole.completed == 1


async def test_answer_in_one_piece_is_one_write() -> None:
    assert len((await Sent([START, BODY], True).run()).transport.writes) == 1


@pytest.mark.parametrize(
    "header",
    [(b"x-name", b"a\r\nset-cookie: b=c"), (b"x name", b"a"), (b"x-name\r\n", b"a"), (b"set-cookie", b"a=b\r\nx: y")],
)
async def test_header_that_would_begin_another_is_no_header(header: tuple[bytes, bytes]) -> None:
    written = b"".join((await Sent([start(header), BODY], True).run()).transport.writes)
    assert written.startswith(b"HTTP/1.1 500 ")
    assert header[0] not in written


@pytest.mark.parametrize("body", [b"", b"bod", b"body!"])
async def test_length_that_is_not_the_bodys_ends_the_connection(body: bytes) -> None:
    messages = [START, {**BODY, "body": body}]
    whole, plain = await Sent(messages, True).run(), await Sent(messages, False).run()
    assert whole.facts == plain.facts
    assert whole.transport.closed


async def test_nothing_is_written_for_a_peer_that_is_gone() -> None:
    sent = Sent([START, BODY], True)
    sent.cycle.disconnected = True
    assert (await sent.run()).transport.writes == []


async def test_failure_before_the_body_is_answered() -> None:
    sent = await Sent([START], True).run()
    assert b"".join(sent.transport.writes).startswith(b"HTTP/1.1 500 ")
