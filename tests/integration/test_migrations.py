"""Migrations up and down on a database with data: nothing is lost that need not be, each way leads back (R42)."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from app.db.migrations import SCRIPTS, migrate, newest
from tests.fixtures.database import drop, execute, in_database
from tests.fixtures.server import feature_api
from tests.fixtures.servers import Servers
from tests.fixtures.waiting import eventually
from tests.fixtures.world import World, add_people
from tests.fixtures.writes import assert_sound, written

# Everything that migrations make, and who may do what with it.
SHAPE = """
SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod) || a.attnotnull::text
       || a.attgenerated::text || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || coalesce(a.attacl::text, '')
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (c.oid, a.attnum)
    WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'relation', relname, relkind::text || relrowsecurity::text,
       coalesce(relacl::text, '') || coalesce(pg_get_expr(relpartbound, oid), '')
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'function', proname, coalesce(proacl::text, ''), pg_get_functiondef(oid)
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL
SELECT 'policy', tablename, policyname, roles::text || coalesce(qual, '') || coalesce(with_check, '')
    FROM pg_policies WHERE schemaname = 'public'
UNION ALL
SELECT 'schema', nspname, nspacl::text, '' FROM pg_namespace WHERE nspname = 'public'
ORDER BY 1, 2, 3, 4
"""

LATER = ["search", "password_hash", "password_version", "disabled_at", "transaction_id"]

type Shape = list[tuple[str, ...]]


async def shape_of(url: str) -> Shape:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(SHAPE)]
    finally:
        await connection.close()


def revisions() -> list[str]:
    """From the oldest to the newest."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


async def version_of(world: World) -> str:
    found: str = await world.owner.fetchval("SELECT version_num FROM alembic_version")
    return found


async def rows(world: World) -> list[str]:
    """Everything in the tables but what is computed from it, and what was not there at all times."""
    tables = ("users", "features", "audit_entries", "outbox")
    found = [
        await world.owner.fetch(f"SELECT (to_jsonb(t) - $1::text[])::text FROM {table} t ORDER BY 1", LATER)
        for table in tables
    ]
    return [row[0] for of_table in found for row in of_table]


@pytest.fixture
def empty_url(servers: Servers) -> Iterator[str]:
    """A database that no migration has seen, as its owner."""
    name = f"empty_{uuid4().hex}"
    execute(servers.owner_url, f"CREATE DATABASE {name}")
    yield in_database(servers.owner_url, name)
    drop(servers, name)


def test_every_revision_leads_back_to_what_was_before_it(empty_url: str) -> None:
    migrate(empty_url, revisions()[0])
    migrate(empty_url, "base")
    shapes = [asyncio.run(shape_of(empty_url))]
    assert {row[1] for row in shapes[0] if row[0] == "relation"} == {"alembic_version", "alembic_version_pkc"}
    assert not [row for row in shapes[0] if row[0] in ("function", "trigger")]
    for revision in revisions():
        migrate(empty_url, revision)
        shapes.append(asyncio.run(shape_of(empty_url)))
        migrate(empty_url, "-1")
        assert asyncio.run(shape_of(empty_url)) == shapes[-2], revision
        migrate(empty_url, revision)
        assert asyncio.run(shape_of(empty_url)) == shapes[-1], revision
    assert revisions()[-1] == newest()


async def test_one_back_and_up_again_keeps_every_row_and_rebuilds_the_search(world: World, owner_url: str) -> None:
    feature = await world.create("Dark mode", description="For the night", metadata={"tags": ["css grid"]})
    await written(world, "deleteFeature", id=(await world.create("Gone"))["id"])
    await world.plant("user", 5)
    text = "query($words: String!) { features(filter: {search: $words}) { nodes { id } } }"
    before = await rows(world)

    await asyncio.to_thread(migrate, owner_url, "0001")
    assert (await version_of(world), await rows(world)) == ("0001", before)
    assert not await world.wiring.migrations_are_current()

    await asyncio.to_thread(migrate, owner_url)
    assert (await version_of(world), await rows(world)) == (newest(), before)
    assert await world.wiring.migrations_are_current()
    for words in ("dark", "night", "grid css"):
        assert await world.data(text, words=words) == {"features": {"nodes": [{"id": feature["id"]}]}}
    assert (await written(world, "archiveFeature", id=feature["id"]))["version"] == 2


async def test_to_base_and_up_again_gives_an_empty_database_that_works(world: World, owner_url: str) -> None:
    await world.create("Gone")
    shape = await shape_of(owner_url)
    await asyncio.to_thread(migrate, owner_url, "base")
    assert await world.owner.fetchval("SELECT count(*) FROM alembic_version") == 0
    await asyncio.to_thread(migrate, owner_url)
    assert await shape_of(owner_url) == shape
    assert await rows(world) == []
    world.users |= await add_people(world.owner, [("user", "USER")])
    assert (await world.create("New"))["version"] == 1
    await assert_sound(world.owner)


async def test_a_second_migrate_changes_nothing(world: World, owner_url: str) -> None:
    await world.create("Here")
    before = await shape_of(owner_url), await rows(world)
    await asyncio.to_thread(migrate, owner_url)
    assert (await shape_of(owner_url), await rows(world)) == before


async def test_a_revision_by_its_name_is_reached_from_above_too(world: World, owner_url: str) -> None:
    await asyncio.to_thread(migrate, owner_url, "0001")
    assert await version_of(world) == "0001"
    await asyncio.to_thread(migrate, owner_url, "0002")
    assert await version_of(world) == "0002"


async def test_two_servers_that_migrate_one_database_at_once_do_it_one_after_the_other(
    servers: Servers, empty_url: str, template: str, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "ENVIRONMENT": "development",
        "DATABASE_URL": empty_url,
        "REDIS_URL": servers.redis_url,
        "DATA_DIR": str(tmp_path),
    }
    gate = await asyncpg.connect(empty_url)
    await gate.execute("SELECT pg_advisory_lock(hashtext('feature_api_migrations'))")
    both = asyncio.gather(*(asyncio.to_thread(feature_api, environment, "migrate") for _ in range(2)))

    async def both_wait() -> bool:
        return bool(await gate.fetchval(WAITING) == 2)

    await eventually(both_wait)
    await gate.close()  # now they go
    assert [(done.returncode, done.stdout) for done in await both] == [(0, "")] * 2
    assert await shape_of(empty_url) == await shape_of(in_database(servers.owner_url, template))


WAITING = """SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND NOT granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
