"""One question that a server is asked again and again, on a connection of its own, and never waited for long."""

import asyncio

import asyncpg

from app.db.failure import NO_ENTRY
from app.db.hosts import Connection, Hosts
from app.db.pool import PoolSettings, connect


class Watch:
    """`patience`: seconds that the server has, to be reached and to answer."""

    def __init__(self, settings: PoolSettings, question: str, patience: float) -> None:
        self._settings, self._question, self._patience = settings, question, patience
        self._hosts = Hosts(settings.url)
        self._connection: Connection | None = None

    async def ask(self) -> asyncpg.Record | None:
        """None where there is no answer, or none to this question."""
        answered = False
        try:
            async with asyncio.timeout(self._patience):
                if self._connection is None or self._connection.is_closed():
                    self._connection = await connect(self._hosts, self._settings)
                row = await self._connection.fetchrow(self._question)
            answered = True
            return row
        except (*NO_ENTRY, asyncpg.PostgresError):
            return None
        finally:
            if not answered:
                self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
