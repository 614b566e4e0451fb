"""The database of a request that only reads: on a replica that has what the caller has seen, else on the primary."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import asyncpg

from app.db.database import Database, Rows
from app.db.replicas import Replica, Replicas
from app.db.statement import Statement
from app.kernel.errors import Unavailable

ELSEWHERE = 3.0  # seconds: who has waited longer than that for a replica does not begin anew

type Wanted = Callable[[], Awaitable[int]]  # the position that the caller has seen


class ReadingDatabase(Database):
    """All statements of the request go to one replica, so that none sees less than the one before; once that fails, to
    the primary. Transactions are the primary's, which alone can write."""

    def __init__(self, replicas: Replicas, wanted: Wanted) -> None:
        primary = replicas.primary
        super().__init__(primary.pool.settings, primary.observe, primary.pool)
        self._replicas, self._wanted = replicas, wanted
        self._replica: Replica | None = None
        self._chosen, self._choosing = False, asyncio.Lock()

    async def fetch(self, statement: Statement, **given: Any) -> Rows:
        if not self._chosen:
            await self._choose()
        if self._replica is not None:
            replica, started = self._replica, monotonic()
            try:
                rows = await replica.database.fetch(statement, **given)
                replica.reads += 1
                return rows
            except Unavailable as error:
                if isinstance(error.__cause__, asyncpg.QueryCanceledError) or monotonic() - started > ELSEWHERE:
                    raise
                self._replica = None
        self._replicas.primary_reads += 1
        return await super().fetch(statement, **given)

    async def _choose(self) -> None:
        async with self._choosing:
            if not self._chosen:
                self._replica = self._replicas.one_at(await self._wanted())
                self._chosen = True
