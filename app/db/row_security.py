"""The second wall: what a request may reach of one user's rows alone runs as a role that sees no others, whatever the
statement asks for.

The transaction itself takes the role and says whose rows, so that nothing of it is left on the connection for the next
request, and PgBouncer may give it to another process.
"""

from typing import Any

import asyncpg
from sqlalchemy import literal_column, select

from app.db.connect import PoolSettings
from app.db.database import Database, Observer, Rows
from app.db.joined import JoinedDatabase
from app.db.pool import Pool
from app.db.statement import Statement
from app.kernel.actor import NOBODY
from app.kernel.errors import Unavailable
from app.kernel.ids import UserId

ROLE = "feature_api_guarded"
SETTING = "feature_api.visible_to"
ANYTHING = Statement("row_security.check", select(literal_column("1")))


class RowSecurity:
    """`settings` are for connections beside the database's own, since a plan is made for one role and made anew for
    another; None: there is no wall."""

    def __init__(self, database: Database, settings: PoolSettings | None) -> None:
        self._database, self._settings = database, settings
        self._pool = None if settings is None else Pool(settings, database.pool.primaries)

    def database_of(self, visible_to: UserId | None, joined: JoinedDatabase | None = None) -> Database:
        """The database as far as that user's own rows; None: as far as anybody's. In the transaction of `joined`, where
        there is one."""
        if self._pool is None or self._settings is None or visible_to is None:
            return self._database if joined is None else joined
        guarded = GuardedDatabase(self._settings, self._database.observe, self._pool, visible_to)
        return guarded if joined is None else joined.behind(guarded, guarded.wall)

    async def check(self) -> None:
        """Raises where the wall is wanted and there is none: Unavailable, or whatever PostgreSQL says."""
        if self.on:
            await self.database_of(NOBODY).fetch(ANYTHING)

    @property
    def on(self) -> bool:
        return self._pool is not None

    def pools(self) -> dict[str, Pool]:
        """Whatever is kept open, the database's own included."""
        own = {"app": self._database.pool}
        return own if self._pool is None else {**own, "guarded": self._pool}

    def abandon(self) -> None:
        """See Pool: of all of them."""
        for pool in self.pools().values():
            pool.abandon()

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()


class GuardedDatabase(Database):
    """As far as one user's rows: each statement is in a transaction that says whose."""

    def __init__(self, settings: PoolSettings, observe: Observer, pool: Pool, visible_to: UserId) -> None:
        super().__init__(settings, observe, pool)
        self.wall = f"SET LOCAL ROLE {ROLE}; SET LOCAL {SETTING} = '{visible_to}'"  # a UUID holds no quote
        self.begin = f"BEGIN; {self.wall}"  # in one round trip

    async def fetch(self, statement: Statement, **given: Any) -> Rows:
        try:
            return await self._fetch(statement, given)
        except Unavailable as error:
            if not isinstance(error.__cause__, asyncpg.InvalidCachedStatementError):
                raise
            return await self._fetch(statement, given)  # nothing was done, and nothing is prepared there any more

    async def _fetch(self, statement: Statement, given: dict[str, Any]) -> Rows:
        async with self.transaction() as transaction:
            return await transaction.fetch(statement, **given)
