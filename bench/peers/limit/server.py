"""The limit: a bare ASGI application that runs one prepared statement, whose JSON PostgreSQL writes, and sends it on.

No GraphQL is done here: an operation is found by its name alone. What a real server adds is its price above this one.
"""

import os
from collections.abc import Callable
from typing import Any

import asyncpg
import orjson
import uvicorn

from bench.peers.limit.statements import CREATE, FEATURE, FEATURES, TRAILS

type Connection = asyncpg.Connection[asyncpg.Record]
type Scope = dict[str, Any]

POOL = 16
free: list[dict[str, Any]] = []  # per connection: statements by their text; 16 connections wait for none

STATEMENTS: dict[str, tuple[str, Callable[[dict[str, Any]], tuple[object, ...]]]] = {
    "W1": (FEATURE, lambda variables: (variables["id"],)),
    "W2": (TRAILS, lambda variables: ()),
    "W3": (FEATURES, lambda variables: ()),
    "W4": (CREATE, lambda variables: _created(variables["input"])),
}


def _created(given: dict[str, Any]) -> tuple[object, ...]:
    return given["ownerId"], given["name"], given["description"], orjson.dumps(given["metadata"]).decode()


async def _open() -> None:
    for _ in range(POOL):
        connection = await asyncpg.connect(os.environ["DATABASE_URL"])
        prepared = {name: await connection.prepare(text) for name, (text, _) in STATEMENTS.items()}
        free.append({"connection": connection, **prepared})


async def _answer(body: bytes) -> bytes:
    request = orjson.loads(body)
    name = request["operationName"]
    held = free.pop()
    try:
        found = await held[name].fetchval(*STATEMENTS[name][1](request["variables"]))
    finally:
        free.append(held)
    return str(found).encode()


async def app(scope: Scope, receive: Callable[[], Any], send: Callable[[Scope], Any]) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await _open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    message = await receive()
    body = message["body"]
    while message["more_body"]:
        message = await receive()
        body += message["body"]
    answer = await _answer(body)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
    )
