"""An answer that is made while it is sent: no faster than its client takes it, and only while there is a client."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import structlog
from starlette.types import Receive, Send

log = structlog.get_logger()


async def send_stream(
    receive: Receive,
    send: Send,
    headers: Sequence[tuple[bytes, bytes]],
    pieces: AsyncGenerator[bytes],
    *,
    head: bool,
) -> None:
    """Whatever is raised for the first piece goes to the caller, who can still say it. Behind it nothing can be said:
    the body is left without its end, so that the server cuts the connection, and the client sees that it is no whole
    one (RFC 9112 §8). `head`: nothing is made at all."""
    start = {"type": "http.response.start", "status": 200, "headers": [*headers]}
    async with aclosing(pieces):
        if head:
            await send(start)
            await send({"type": "http.response.body", "body": b""})
            return
        first = await anext(pieces, b"")
        gone = asyncio.ensure_future(_disconnected(receive))  # sends to who is gone fail silently
        try:
            await send(start)
            await send({"type": "http.response.body", "body": first, "more_body": True})  # waits until it is taken
            async for piece in pieces:
                if gone.done():
                    log.info("the client left in the midst of an answer")
                    return
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except Exception as error:
            log.error("an answer was cut off", exc_info=error)
        finally:
            gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
