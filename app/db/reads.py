"""The database of a request that only reads: on a replica that has what the caller has seen, else on the primary."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import asyncpg

from app.db.database import Database, Rows, Transaction
from app.db.replicas import Replica, Replicas
from app.db.statement import Statement
from app.kernel.errors import Unavailable
from app.kernel.ids import UserId

ELSEWHERE = 3.0  # seconds: who has waited longer than that for a replica does not begin anew

type Wanted = Callable[[], Awaitable[int]]  # the position that the caller has seen


class Choice:
    """Of one request: all its statements go to one replica, so that none sees less than the one before; once that
    fails, to the primary."""

    def __init__(self, replicas: Replicas, wanted: Wanted) -> None:
        self.replicas, self._wanted = replicas, wanted
        self._replica: Replica | None = None
        self._chosen, self._choosing = False, asyncio.Lock()

    async def replica(self) -> Replica | None:
        if not self._chosen:
            async with self._choosing:
                if not self._chosen:
                    self._replica = self.replicas.one_at(await self._wanted())
                    self._chosen = True
        return self._replica

    def turn_to_the_primary(self) -> None:
        self._replica = None


class ReadingDatabase(Database):
    """As far as that user's own rows, on a replica as on the primary, where row security is on. Transactions are the
    primary's, which alone can write."""

    def __init__(self, choice: Choice, visible_to: UserId | None = None) -> None:
        self._choice, self._visible_to = choice, visible_to
        self._primary = choice.replicas.walls.database_of(visible_to)
        super().__init__(self._primary.pool.settings, self._primary.observe, self._primary.pool)

    async def fetch(self, statement: Statement, **given: Any) -> Rows:
        replica = await self._choice.replica()
        if replica is not None:
            started = monotonic()
            try:
                rows = await replica.walls.database_of(self._visible_to).fetch(statement, **given)
                replica.reads += 1
                return rows
            except Unavailable as error:
                if isinstance(error.__cause__, asyncpg.QueryCanceledError) or monotonic() - started > ELSEWHERE:
                    raise
                self._choice.turn_to_the_primary()
        self._choice.replicas.primary_reads += 1
        return await self._primary.fetch(statement, **given)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._primary.transaction() as transaction:
            yield transaction
