"""An address of several servers, of which one is wanted: `postgresql://user@one,two/database?target_session_attrs=primary`.

asyncpg asks them in turn too, but within one time-out for all, so that a machine that is gone without a word takes the
time of those behind it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from app.db.failure import NO_ENTRY

type Connection = asyncpg.Connection[asyncpg.Record]
type Enter = Callable[[Connection], Awaitable[None]]


def each_host(url: str) -> list[str]:
    """The same address for each of its servers alone. Those that stand in the query string are left to asyncpg."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    return [urlunsplit(parts._replace(netloc=f"{user}{at}{host}")) for host in hosts.split(",")]


class Hosts:
    """Remembers which one answered as wanted, and asks it first."""

    def __init__(self, url: str) -> None:
        self._urls = each_host(url)

    async def connect(self, seconds: float, enter: Enter | None = None, **options: Any) -> Connection:
        """`asyncpg.connect`, and `enter` on the connection, in so many seconds, of which each server has its share.
        Raises what the last one said."""
        until = monotonic() + seconds
        for left in range(len(self._urls), 1, -1):
            url = self._urls[0]
            try:
                return await _connect(url, (until - monotonic()) / left, enter, options)
            except NO_ENTRY:
                if self._urls[0] == url:  # else somebody else has found that out
                    self._urls = [*self._urls[1:], url]
        return await _connect(self._urls[0], max(until - monotonic(), 0.001), enter, options)


async def _connect(url: str, seconds: float, enter: Enter | None, options: dict[str, Any]) -> Connection:
    async with asyncio.timeout(seconds):
        connection: Connection = await asyncpg.connect(url, timeout=seconds, **options)
        try:
            if enter is not None:
                await enter(connection)
        except BaseException:  # cancelled, too: nobody else knows of it yet
            connection.terminate()
            raise
    return connection
