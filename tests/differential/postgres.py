"""Cases on a real PostgreSQL, through the services as they are: reads over a pool, writes rolled back afterwards."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from app.context import Rare, RequestContext
from app.db.api_token import SqlApiTokens
from app.db.audit import SqlEntries
from app.db.connect import PoolSettings
from app.db.database import Database, Rows, Transaction
from app.db.feature import SqlFeatures
from app.db.migrations import migrate
from app.db.pool import Held, Pool
from app.db.security_event import SqlSecurityEvents
from app.db.statement import Statement
from app.db.user import SqlUsers
from app.db.user_audit import SqlUserEntries
from app.db.user_write import SqlUserWrites
from app.domain.api_token.service import ApiTokenService
from app.domain.audit.service import AuditService
from app.domain.feature.service import FeatureService
from app.domain.rate_limit.model import PointLimits
from app.domain.rate_limit.service import Limiter, RateLimitService
from app.domain.security_event.service import SecurityEventService
from app.domain.user.administration import UserAdministration
from app.domain.user.service import UserService
from app.kernel.actor import Actor
from app.kernel.errors import Unavailable
from tests.differential.compare import Case, Stand
from tests.differential.data import NEW, now
from tests.differential.generate import FRAIL
from tests.differential.ports import ACTIVE_LIMIT, means, unheard
from tests.differential.stored import StoredRows
from tests.differential.user_ports import Told
from tests.fixtures.buckets import InMemory
from tests.fixtures.database import drop, execute, in_database
from tests.fixtures.servers import Servers

FAILING = (  # not user.by_ids: the reference loads whom the compiled way finds in the same row
    "user.count",
    "feature.by_ids",
    "feature.page",
    "feature.count",
    "audit.page",
    "audit.count",
    "user_audit.page",
    "security_event.page",
    "api_token.page",
)
WRITTEN = """
WITH changed AS (SELECT * FROM features WHERE id IN (SELECT feature_id FROM outbox))
SELECT (to_jsonb(o) - 'id')::text FROM outbox o
UNION ALL SELECT f::text FROM changed f
UNION ALL SELECT (id, active_features, active_limit)::text FROM users WHERE id IN (SELECT owner_id FROM changed)
UNION ALL SELECT e::text FROM audit_entries e WHERE id >= $1
UNION ALL SELECT e::text FROM user_audit_entries e
UNION ALL SELECT e::text FROM security_events e
UNION ALL SELECT (id, name, email, role, disabled_at)::text FROM users
    WHERE id IN (SELECT user_id FROM user_audit_entries)
UNION ALL SELECT t::text FROM api_tokens t WHERE id >= $1 OR revoked_at = $2
ORDER BY 1
"""


class Noted(Database):
    """Notes the statements that are run; those of the name `failing` fail, as where the server is away."""

    def __init__(self, pool: Pool, failing: str | None) -> None:
        self.calls: list[str] = []
        super().__init__(pool.settings, lambda statement, seconds, error: self.calls.append(statement.name))
        self.pool, self._failing = pool, failing

    async def fetch(self, statement: Statement, **given: Any) -> Rows:
        if statement.name == self._failing:
            self.calls.append(statement.name)
            raise Unavailable(f"{statement.name}: away")
        return await self._fetch(statement, given)

    async def _fetch(self, statement: Statement, given: dict[str, Any]) -> Rows:
        return await super().fetch(statement, **given)


class RolledBack(Noted):
    """All on one connection, in a transaction that never ends well; what would be a transaction is a part of it."""

    def __init__(self, pool: Pool, failing: str | None, held: Held) -> None:
        super().__init__(pool, failing)
        self._held = held
        self._turn = asyncio.Lock()
        self.ended = False

    async def _fetch(self, statement: Statement, given: dict[str, Any]) -> Rows:
        async with self.transaction() as transaction:
            return await transaction.fetch(statement, **given)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._turn:
            if self.ended:  # by one who goes on after the answer
                raise Unavailable("rolled back")
            async with self._held.connection.transaction():
                yield Transaction(self._held, True, self.observe)

    async def end(self) -> list[str]:
        """What was written, row by row."""
        async with self._turn:
            self.ended = True
            return [row[0] for row in await self._held.connection.fetch(WRITTEN, UUID(int=NEW), now())]


class Postgres:
    mutations = 0.35
    liked = FRAIL

    def __init__(self, pool: Pool, rows: StoredRows) -> None:
        self._pool, self._rows = pool, rows

    def rows(self, seed: int) -> StoredRows:
        return self._rows

    @asynccontextmanager
    async def stand(self, case: Case) -> AsyncIterator[Stand]:
        dice = random.Random(case.seed)
        failing = dice.choice(FAILING) if dice.random() < 0.15 else None
        if not case.mutates:
            database, told = Noted(self._pool, failing), list[str]()
            yield Stand(_context(database, case.actor, told), database.calls, told)
            return
        held = await self._pool.take()
        rolled_back, written = RolledBack(self._pool, failing, held), list[str]()
        outer = held.connection.transaction()
        await outer.start()
        try:
            yield Stand(_context(rolled_back, case.actor, written), rolled_back.calls, written)
            written += await rolled_back.end()
        finally:
            await outer.rollback()
            self._pool.give(held)


def _context(database: Database, actor: Actor, written: list[str]) -> RequestContext:
    """As the wiring makes it, but that time stands still and ids are counted."""
    numbers = count(NEW)

    def new_id() -> UUID:
        return UUID(int=next(numbers))

    return RequestContext(
        actor,
        "request",
        RateLimitService(actor, Limiter(InMemory(now)), now, PointLimits(1000, 1000), "client"),
        7,
        UserService(actor, SqlUsers(database)),
        FeatureService(actor, SqlFeatures(database), "request", now, new_id, ACTIVE_LIMIT),
        AuditService(actor, SqlEntries(database)),
        lambda: Rare(
            UserAdministration(
                actor,
                SqlUserWrites(database, new_id),
                SqlUserEntries(database),
                unheard,
                "request",
                "client",
                now,
                new_id,
            ),
            SecurityEventService(actor, SqlSecurityEvents(database), Told(written), "request", "client", now),
            ApiTokenService(actor, means(SqlApiTokens(database, new_id), new_id), "request", "client"),
        ),
    )


@contextmanager
def migrated(servers: Servers) -> Iterator[str]:
    """The name of a database of its own; outside of any event loop."""
    name = f"differential_{uuid4().hex}"
    execute(servers.owner_url, f"CREATE DATABASE {name}")
    try:
        migrate(in_database(servers.owner_url, name))
        yield name
    finally:
        drop(servers, name)


@asynccontextmanager
async def opened(servers: Servers, name: str) -> AsyncIterator[Postgres]:
    """On the migrated, empty database of that name, which it fills."""
    rows = StoredRows()
    async with AsyncExitStack() as stack:
        owner = await asyncpg.connect(in_database(servers.owner_url, name))
        stack.push_async_callback(owner.close)
        await rows.plant(owner)
        await owner.execute("ANALYZE")
        pool = Pool(PoolSettings(in_database(servers.app_url, name), size=4))
        stack.push_async_callback(pool.close)
        yield Postgres(pool, rows)
