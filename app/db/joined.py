"""A database whose every statement is in one transaction: for a request whose answer is kept with what it wrote."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import asyncpg

from app.db.database import Database, Rows, Transaction
from app.db.failure import AWAY, is_lost
from app.db.pool import Held
from app.db.statement import Statement
from app.kernel.errors import DomainError, Unavailable


class JoinedDatabase(Database):
    """The first failure undoes everything; from then on it is the outer database, as though it had never been joined.
    So a refusal can still be explained by reading, and nobody takes what was undone for done: `commit` raises.

    In parts, what is refused undoes itself alone, and everything else that fails still undoes everything."""

    def __init__(self, outer: Database, held: Held) -> None:
        self.pool, self.observe = outer.pool, outer.observe
        self._outer, self._held, self._turn = outer, held, asyncio.Lock()
        self._transaction = Transaction(held, outer.pool.settings.prepare, outer.observe)
        self._open = True
        self._in_parts = False

    async def fetch(self, statement: Statement, **given: Any) -> Rows:
        async with self.enter(self._outer) as transaction:
            return await transaction.fetch(statement, **given)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self.enter(self._outer) as transaction:
            yield transaction

    @contextmanager
    def in_parts(self) -> Iterator[bool]:
        self._in_parts = True
        try:
            yield self._open
        finally:
            self._in_parts = False

    def behind(self, outer: Database, wall: str) -> Database:
        """The same transaction behind the wall that `outer` stands behind."""
        return _Behind(self, outer, wall)

    @asynccontextmanager
    async def enter(self, outer: Database, wall: str = "") -> AsyncIterator[Transaction]:
        """One at a time, where loaders ask at once: the connection is one. Once undone it is a transaction of
        `outer`."""
        async with self._turn:
            if self._open:
                async with self._part() if self._in_parts else self._undone_by_failure():
                    if wall:
                        await self._held.connection.execute(wall)
                    yield self._transaction
                    if wall:
                        await self._held.connection.execute("RESET ROLE")  # to what the connection began with
                return
        async with outer.transaction() as transaction:
            yield transaction

    async def start(self) -> None:
        async with self._undone_by_failure():
            await self._held.connection.execute("BEGIN")

    def check_open(self) -> None:
        """Raises Unavailable where anything failed."""
        if not self._open:
            raise Unavailable("Something failed on the way, so nothing was written: try again.")

    async def commit(self) -> None:
        """Raises Unavailable."""
        self.check_open()
        try:
            await self._end("COMMIT")
        except AWAY as error:
            raise self.pool.failure(error) from error
        self.pool.announced()

    async def undo(self) -> None:
        if self._open:
            with suppress(*AWAY):
                await self._end("ROLLBACK")

    @asynccontextmanager
    async def _part(self) -> AsyncIterator[None]:
        """Up to a savepoint that takes the wall down too."""
        connection, refusal = self._held.connection, None
        async with self._undone_by_failure():
            await connection.execute("SAVEPOINT part")
            try:
                yield
            except Unavailable:
                raise
            except (DomainError, asyncpg.IntegrityConstraintViolationError) as error:
                await connection.execute("ROLLBACK TO SAVEPOINT part")
                refusal = error
            await connection.execute("RELEASE SAVEPOINT part")
        if refusal is not None:
            raise refusal

    @asynccontextmanager
    async def _undone_by_failure(self) -> AsyncIterator[None]:
        try:
            yield
        except ValueError:  # asyncpg's own complaint about an argument: a bug, though it is an InterfaceError
            await self.undo()
            raise
        except AWAY as error:
            if is_lost(error):
                self._open = False
                await self.pool.drop(self._held)
            else:
                await self.undo()
            raise self.pool.failure(error) from error
        except Exception:  # whatever it is: nothing of the transaction may stay
            await self.undo()
            raise

    async def _end(self, how: str) -> None:
        self._open = False
        ended = False
        try:
            await self._held.connection.execute(how)
            ended = True
        finally:
            if ended:
                self.pool.give(self._held)
            else:
                await self.pool.drop(self._held)


class _Behind(Database):
    def __init__(self, joined: JoinedDatabase, outer: Database, wall: str) -> None:
        self.pool, self.observe = joined.pool, joined.observe
        self._joined, self._outer, self._wall = joined, outer, wall

    async def fetch(self, statement: Statement, **given: Any) -> Rows:
        async with self.transaction() as transaction:
            return await transaction.fetch(statement, **given)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._joined.enter(self._outer, self._wall) as transaction:
            yield transaction

    @contextmanager
    def in_parts(self) -> Iterator[bool]:
        with self._joined.in_parts() as joined:
            yield joined


@asynccontextmanager
async def joined(outer: Database) -> AsyncIterator[JoinedDatabase]:
    """What is not committed when the block ends is undone. Raises Unavailable."""
    database = JoinedDatabase(outer, await outer.pool.take())
    try:
        await database.start()
        yield database
    finally:
        await database.undo()
