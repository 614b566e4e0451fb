"""How Alembic reaches the database: with the owner's URL, in one transaction, never waiting long for a lock (R42)."""

import asyncio
from functools import partial

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.db.hosts import Hosts

SECONDS = 60.0  # until a connection is there
# Several servers that start at once migrate one after the other.
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('feature_api_migrations'))")


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, transaction_per_migration=False)
    with context.begin_transaction():
        connection.execute(ONE_AT_A_TIME)
        connection.execute(text("SET LOCAL lock_timeout = '1s'"))
        context.run_migrations()


async def main() -> None:
    hosts = Hosts(context.config.attributes["url"])  # SQLAlchemy's own way knows no address of several servers
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=partial(hosts.connect, SECONDS), poolclass=pool.NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


asyncio.run(main())
