"""What a server of others answers is read as far as a bound, as it is, and on few connections (R64)."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest

from app.auth.bounded_http import CONNECTIONS, MAX_ANSWER, BoundedTransport

type Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]

HEAD = b"HTTP/1.1 200 OK\r\nconnection: close\r\n"


@asynccontextmanager
async def asking(answer: Answer, heads: list[bytes] | None = None) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """How to ask a server that answers so; `heads` are of the requests that it got."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if heads is not None:
                heads.append(head.lower())
            await answer(writer)
            await writer.drain()
        except ConnectionError:
            pass  # whoever asked has had enough
        finally:
            writer.close()

    server, transport = await asyncio.start_server(serve, "127.0.0.1", 0), BoundedTransport()
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

    async def ask() -> bytes:
        async with httpx2.AsyncClient(transport=transport, timeout=30) as client:
            return (await client.get(url)).content

    try:
        yield ask
    finally:
        await transport.shut()
        server.close()
        await server.wait_closed()


def whole(content: bytes, *fields: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = (b"content-length: %d" % len(content), *fields)
        writer.write(HEAD + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + content)

    return answer


async def endless(writer: asyncio.StreamWriter) -> None:
    """Without a length: until the other side leaves."""
    writer.write(HEAD + b"\r\n")
    while True:
        writer.write(b" " * 65_536)
        await writer.drain()


async def test_an_answer_of_the_longest_length_is_read_and_one_byte_more_is_refused() -> None:
    async with asking(whole(b"x" * MAX_ANSWER)) as ask:
        assert await ask() == b"x" * MAX_ANSWER
    async with asking(whole(b"x" * (MAX_ANSWER + 1))) as ask:
        with pytest.raises(httpx2.RemoteProtocolError, match="the answer is too long"):
            await ask()


async def test_an_answer_without_end_is_left_at_the_bound() -> None:
    async with asking(endless) as ask, asyncio.timeout(60):
        with pytest.raises(httpx2.RemoteProtocolError, match="the answer is too long"):
            await ask()


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"identity, gzip"])
async def test_a_compressed_answer_is_refused_whole_before_it_could_grow(coding: bytes) -> None:
    heads: list[bytes] = []
    async with asking(whole(zlib.compress(b"{}"), b"content-encoding: " + coding), heads) as ask:
        with pytest.raises(httpx2.RemoteProtocolError, match="the answer is compressed"):
            await ask()
    [head] = heads
    assert head.count(b"accept-encoding:") == 1 and b"\r\naccept-encoding: identity\r\n" in head


async def test_an_answer_that_says_it_is_as_it_is_is_read() -> None:
    async with asking(whole(b"{}", b"content-encoding: identity")) as ask:
        assert await ask() == b"{}"


async def test_a_slow_server_holds_no_more_than_so_many_connections() -> None:
    held, most, all_taken = 0, 0, asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        nonlocal held, most
        held += 1
        most = max(most, held)
        if held == CONNECTIONS:
            all_taken.set()
        await all_taken.wait()
        await asyncio.sleep(0)  # whoever came with the others counts, too
        held -= 1
        await whole(b"{}")(writer)

    async with asking(slow) as ask:
        assert await asyncio.gather(*(ask() for _ in range(2 * CONNECTIONS))) == [b"{}"] * 2 * CONNECTIONS
    assert most == CONNECTIONS
