"""Read-your-writes: an answer to a write says how far the database has come, and whoever says so again reads no less."""

import re
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.facts import Facts, about
from app.kernel.clock import Clock
from app.kernel.position import Since, decode_position, encode_position

HEADER = b"x-read-after"
NAME = "feature_api_read_after"
COOKIE = re.compile(rb"(?:^|;\s*)feature_api_read_after=([0-9a-f.]{1,30})(?=;|\s*$)")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SIGN_IN = "/auth/oidc/callback"  # a GET that may make a user


class Marks(Protocol):
    keep: float

    async def mark(self, user_id: UUID | None) -> int | None: ...

    async def lose(self, user_id: UUID | None) -> None: ...


class ReadAfter:
    """A middleware: what a caller has seen becomes a fact of the request. What is no position is left alone, since a
    cookie is sent by browsers that know nothing of it."""

    def __init__(self, app: ASGIApp, marks: Marks, is_plausible: Callable[[int], bool], now: Clock) -> None:
        self._app, self._marks, self._is_plausible, self._now = app, marks, is_plausible, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        facts = about(scope)
        facts.since = self._since(scope)

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start" and _writes(scope, facts):
                await self._describe(message, facts, scope["scheme"] == "https")
            await send(message)

        await self._app(scope, receive, send_marked)

    def _since(self, scope: Scope) -> Since:
        position, told = 0, False
        for name, value in scope["headers"]:
            if name == HEADER:
                found = self._read(value)
                position, told = max(position, found), told or found > 0
            elif name == b"cookie" and (sent := COOKIE.search(value)) is not None:
                position = max(position, self._read(sent[1]))
        return Since(position, told)

    def _read(self, text: bytes) -> int:
        position = decode_position(text.decode("latin-1").strip(), self._now(), self._marks.keep)
        return position if self._is_plausible(position) else 0

    async def _describe(self, message: Message, facts: Facts, secure: bool) -> None:
        """Where it failed, nobody knows what was written. What was refused was not."""
        if message["status"] >= 500:
            await self._marks.lose(facts.actor.user_id)
        elif message["status"] < 400 and (position := await self._marks.mark(facts.actor.user_id)) is not None:
            token = encode_position(position, self._now())
            cookie = f"{NAME}={token}; Path=/; Max-Age={int(self._marks.keep)}; HttpOnly; SameSite=Lax"
            cookie += "; Secure" if secure else ""
            message["headers"] = [
                *message["headers"], (HEADER, token.encode()), (b"set-cookie", cookie.encode())
            ]  # fmt: skip


def _writes(scope: Scope, facts: Facts) -> bool:
    path: str = scope["path"]
    if path == "/graphql":
        return facts.wrote
    return scope["method"] not in SAFE or path == SIGN_IN
