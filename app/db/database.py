"""Statements are run here: on a short connection of their own, or in the one transaction of a unit of work."""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg

from app.db.connect import PoolSettings
from app.db.failure import AWAY, is_lost
from app.db.pool import Held, Pool, Prepared
from app.db.statement import Statement
from app.kernel.errors import Unavailable

MAX_PREPARED = 400  # per connection; statements are one per shape of request, and clients choose the shapes

type Rows = list[asyncpg.Record]
type Observer = Callable[[Statement, float, type[BaseException] | None], None]  # seconds; the error's class, if any


def unobserved(statement: Statement, seconds: float, error: type[BaseException] | None) -> None:
    """For whoever does not want to know."""


class Transaction:
    """An open transaction; what is run in it is seen by others after the commit, or never."""

    def __init__(self, held: Held, prepare: bool, observe: Observer) -> None:
        self._held, self._prepare, self._observe = held, prepare, observe

    async def fetch(self, statement: Statement, **given: Any) -> Rows:
        return await _run(self._held, statement, given, self._prepare, self._observe)

    async def explain(self, statement: Statement) -> Sequence[str]:
        """The lines of the plan that holds for any values: no value is needed or shown, and nothing is run."""
        await self._held.connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        prepared = await _prepared(self._held, statement)
        nothing = f"({', '.join(['NULL'] * statement.width)})" if statement.width else ""
        rows = await self._held.connection.fetch(f"EXPLAIN EXECUTE {prepared.get_name()}{nothing}")
        return [str(row[0]) for row in rows]


class Database:
    """Raises Unavailable where the server is away or slow; a broken law is an IntegrityConstraintViolationError."""

    def __init__(self, settings: PoolSettings, observe: Observer = unobserved, pool: Pool | None = None) -> None:
        self.pool = Pool(settings) if pool is None else pool
        self.observe = observe
        self.begin = "BEGIN"
        self._prepare = settings.prepare

    async def close(self) -> None:
        await self.pool.close()

    async def fetch(self, statement: Statement, **given: Any) -> Rows:
        """One statement, which is its own transaction."""
        held = await self.pool.take()
        broken = True
        try:
            rows = await _run(held, statement, given, self._prepare, self.observe)
            broken = False
            return rows
        except ValueError:  # asyncpg's own complaint about an argument: a bug, though it is an InterfaceError
            raise
        except AWAY as error:
            broken = is_lost(error)  # else the server answered: the session is in order
            raise self.pool.failure(error) from error
        except asyncpg.PostgresError:
            broken = False
            raise
        finally:
            if broken:
                await self.pool.drop(held)
            else:
                self.pool.give(held)

    async def explain(self, statement: Statement) -> Sequence[str]:
        """See Transaction. Raises Unavailable, too where nothing may be prepared."""
        if not self._prepare:
            raise Unavailable("Without DATABASE_PREPARE there are no plans to look at.")
        async with self.transaction() as transaction:
            return await transaction.explain(statement)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Committed when the block ends, rolled back when it raises. Nothing slow belongs in it: no loader, no HTTP."""
        held = await self.pool.take()
        broken = True
        try:
            await held.connection.execute(self.begin)
            try:
                yield Transaction(held, self._prepare, self.observe)
            except Exception as error:  # whatever the block raised: nothing of it may stay
                if not is_lost(error):
                    await held.connection.execute("ROLLBACK")
                    broken = False
                raise
            await held.connection.execute("COMMIT")
            broken = False
        except ValueError:
            raise
        except AWAY as error:
            raise self.pool.failure(error) from error
        finally:
            if broken:
                await self.pool.drop(held)
            else:
                self.pool.give(held)

    @contextmanager
    def in_parts(self) -> Iterator[bool]:
        """Is there one transaction in which each statement and unit of work is a part of its own? Here each is a
        transaction of its own anyway."""
        yield False


async def _run(held: Held, statement: Statement, given: dict[str, Any], prepare: bool, observe: Observer) -> Rows:
    started, failed = time.perf_counter(), None
    arguments = statement.arguments(given)
    try:
        if not prepare:
            return await held.connection.fetch(statement.text, *arguments)
        try:
            return await (await _prepared(held, statement)).fetch(*arguments)
        except asyncpg.InvalidCachedStatementError as error:  # a migration changed the table under the plan
            held.prepared.clear()
            if held.connection.is_in_transaction():
                raise Unavailable("The database has just been changed: try again.") from error
            return await (await _prepared(held, statement)).fetch(*arguments)
    except BaseException as error:
        failed = type(error)
        raise
    finally:
        observe(statement, time.perf_counter() - started, failed)


async def _prepared(held: Held, statement: Statement) -> Prepared:
    ready = held.prepared.get(statement.text)
    if ready is None:
        if len(held.prepared) >= MAX_PREPARED:
            held.prepared.clear()
        name = f"feature_api_{next(held.numbers)}"  # without a name it would be parsed again for every run
        ready = held.prepared[statement.text] = await held.connection.prepare(statement.text, name=name)
    return ready
