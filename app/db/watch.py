"""One question that a server is asked again and again, on a connection of its own, and never waited for long."""

import asyncio
from typing import Any

import asyncpg

from app.db.connect import Check, PoolSettings, connect
from app.db.failure import NO_ENTRY
from app.db.hosts import Connection, Hosts

type Row = tuple[Any, ...] | None


class Watch:
    """`patience`: seconds that the server has to answer. To be reached it has as long as the settings say: until then
    nobody relies on it. `check`: of each new connection."""

    def __init__(self, settings: PoolSettings, question: str, patience: float, check: Check | None = None) -> None:
        self._settings, self._question, self._patience, self._check = settings, question, patience, check
        self._hosts = Hosts(settings.url)
        self._connection: Connection | None = None

    async def ask(self) -> Row:
        """None where there is no answer, or none to this question, and at once where the connection was lost."""
        answered = False
        try:
            if self._connection is None:
                async with asyncio.timeout(self._settings.connect_timeout):
                    self._connection = await connect(self._hosts, self._settings, self._check)
            async with asyncio.timeout(self._patience):
                row = await self._connection.fetchrow(self._question)
            answered = True
            return None if row is None else tuple(row)
        except (*NO_ENTRY, asyncpg.PostgresError):
            return None
        finally:
            if not answered:
                self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
