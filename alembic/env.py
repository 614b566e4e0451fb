"""How Alembic reaches the database: with the owner's URL, in one transaction, never waiting long for a lock (R42)."""

import asyncio

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

# Several servers that start at once migrate one after the other.
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('feature_api_migrations'))")


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, transaction_per_migration=False)
    with context.begin_transaction():
        connection.execute(ONE_AT_A_TIME)
        connection.execute(text("SET LOCAL lock_timeout = '1s'"))
        context.run_migrations()


async def main() -> None:
    url = context.config.attributes["url"]
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


asyncio.run(main())
