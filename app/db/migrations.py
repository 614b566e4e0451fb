"""The schema's migrations, run by Alembic with the owner's URL, and whether a database has them all."""

import asyncio
from pathlib import Path

from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import column, select, table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import await_only

from app.db.database import Database
from app.db.failure import NO_ENTRY, unavailable
from app.db.hosts import Hosts
from app.db.statement import Statement

SCRIPTS = Path(__file__).parents[2] / "alembic"
APPLIED = Statement("migrations.applied", select(column("version_num")).select_from(table("alembic_version")))


class MigrationError(Exception):
    """One line that says why the database is as it was: a migration is done whole or not at all."""


def migrate(url: str, revision: str = "head") -> None:
    """Up or down to that revision. Call it outside of an event loop. Raises MigrationError."""
    config = _config(url)
    try:
        go = command.downgrade if _lies_below(url, revision) else command.upgrade
        go(config, revision)
    except (*NO_ENTRY, DBAPIError, CommandError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise MigrationError(f"The migration to {revision} was not done: {str(reason).strip()}") from error


def make_revision(message: str) -> None:
    command.revision(_config(""), message=message, rev_id=f"{len(list(SCRIPTS.glob('versions/*.py'))) + 1:04}")


def execute_script(sql: str) -> None:
    """Several statements at once, inside a migration: SQLAlchemy's own way prepares each, and takes but one."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    await_only(connection.execute(sql))


def newest() -> str | None:
    return ScriptDirectory(str(SCRIPTS)).get_current_head()


async def is_current(url: str) -> bool:
    """Asked with the owner's URL, of any database: an empty one has no table to ask. Raises Unavailable."""
    try:
        return await _fetch_version(url) == newest()
    except NO_ENTRY as error:
        raise unavailable(error) from error


async def fetch_applied(database: Database) -> str | None:
    rows = await database.fetch(APPLIED)
    return str(rows[0][0]) if rows else None


def _lies_below(url: str, revision: str) -> bool:
    """Is it a step down from where the database is? Alembic's upgrade would do nothing, and not say so."""
    if revision == "head":
        return False
    if revision == "base" or revision.startswith("-"):
        return True
    applied = asyncio.run(_fetch_version(url))
    older = ScriptDirectory(str(SCRIPTS)).iterate_revisions(applied, "base") if applied else ()
    return revision != applied and any(script.revision == revision for script in older)


async def _fetch_version(url: str) -> str | None:
    """None for a database that no migration has seen, or that was brought to its base."""
    connection = await Hosts(url).connect(10)
    try:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return None
        found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        return found
    finally:
        await connection.close()


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["url"] = url
    return config
