"""The law of the audit log, in the database itself: append-only, by month, not the application's to alter (R2, R41)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs

from app.jobs.partitions import keep_partitions
from app.kernel.clock import new_id
from app.kernel.errors import Unavailable
from tests.fixtures.world import World
from tests.fixtures.writes import nothing_written

type Connection = asyncpg.Connection[asyncpg.Record]

PARTITIONS = """SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'audit_entries'::regclass ORDER BY 1"""


async def partitions(owner: Connection) -> list[str]:
    return [row[0] for row in await owner.fetch(PARTITIONS)]


def months(first: datetime, count: int) -> list[str]:
    """Names of the partitions of so many months from that one on."""
    numbers = [first.year * 12 + first.month - 1 + number for number in range(count)]
    return [f"audit_entries_{number // 12}_{number % 12 + 1:02}" for number in numbers]


async def refused(connection: Connection, *statements: str) -> None:
    """Each is refused for want of a right, in a transaction of its own."""
    for statement in statements:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


@pytest.fixture
async def app(app_url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A plain connection of the application's."""
    connection = await asyncpg.connect(app_url)
    yield connection
    await connection.close()


# Append-only


@pytest.mark.parametrize("role", ["owner", "app"])
async def test_the_audit_log_refuses_update_delete_and_truncate(
    world: World, app: Connection, owner: Connection, role: str
) -> None:
    await world.create("a")
    await world.plant("user", 1)  # its entry lies in the history
    connection = owner if role == "owner" else app
    tables = ["audit_entries", *await partitions(owner)]
    filled = [table for table in tables if await owner.fetchval(f"SELECT count(*) FROM {table}")]
    assert (len(tables), len(filled)) == (6, 3)
    async with nothing_written(world):
        for table in filled:
            await refused(connection, f"UPDATE {table} SET metadata = '{{}}'", f"DELETE FROM {table}")
        for table in tables:
            await refused(connection, f"TRUNCATE {table}")
        await refused(connection, "TRUNCATE audit_entries, outbox", "TRUNCATE features, users CASCADE")


async def test_the_owner_cannot_delete_a_feature_that_has_a_trail(world: World) -> None:
    await world.create("a")
    async with nothing_written(world):
        for table in ("features", "users"):
            with pytest.raises(asyncpg.ForeignKeyViolationError):
                await world.owner.execute(f"DELETE FROM {table}")


async def test_the_application_may_do_with_the_tables_what_writes_need_and_nothing_more(
    world: World, app: Connection
) -> None:
    await world.create("a")
    async with nothing_written(world):
        await refused(
            app,
            "DELETE FROM features",
            "DELETE FROM users",
            "UPDATE features SET owner_id = owner_id",
            "UPDATE features SET id = id",
            "UPDATE features SET created_at = created_at",
            "UPDATE users SET created_at = now()",
            "UPDATE users SET id = id",
            "UPDATE outbox SET payload = '{}'",
            "INSERT INTO users (active_limit) VALUES (9)",
            "TRUNCATE features CASCADE",
            "TRUNCATE outbox",
            "CREATE TABLE mine (id integer)",
            "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "CREATE SCHEMA mine",
            "ALTER TABLE features ADD COLUMN mine integer",
            "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
            "DROP TABLE outbox",
            "DROP TRIGGER audit_entries_append_only ON audit_entries",
            "UPDATE alembic_version SET version_num = 'x'",
            "SET session_replication_role = replica",
            "SELECT rolpassword FROM pg_authid",
            "SELECT passwd FROM pg_shadow",
            "SELECT pg_read_file('/etc/passwd')",
            "COPY users TO PROGRAM 'cat'",
            "SET ROLE feature_api_owner",
        )


# Partitions


async def test_partitions_are_made_for_this_month_and_those_ahead(world: World) -> None:
    make, start = world.wiring.stores.entries.make_partitions, await this_month(world.owner)
    assert await partitions(world.owner) == [*months(start, 4), "audit_entries_history"]
    assert await make(3) == 0
    assert await make(14) == 11
    assert await partitions(world.owner) == [*months(start, 15), "audit_entries_history"]
    assert await make(14) == 0


async def this_month(owner: Connection) -> datetime:
    found: datetime = await owner.fetchval("SELECT date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'")
    return found


@pytest.mark.parametrize("months_ahead", [-1, 121])
async def test_a_senseless_number_of_months_makes_nothing(
    owner: Connection, app: Connection, months_ahead: int
) -> None:
    before = await partitions(owner)
    with pytest.raises(asyncpg.RaiseError, match="between 0 and 120"):
        await app.fetchval("SELECT make_audit_partitions($1)", months_ahead)
    assert await partitions(owner) == before


async def test_several_servers_that_make_partitions_at_once_make_each_once(world: World) -> None:
    make = world.wiring.stores.entries.make_partitions
    answers = await asyncio.gather(*(make(12) for _ in range(8)), return_exceptions=True)
    made = [answer for answer in answers if not isinstance(answer, Unavailable)]  # who waited too long asks again later
    assert sorted(made, key=str) == [0] * (len(made) - 1) + [9]
    assert len(await partitions(world.owner)) == 14


async def test_partitions_are_made_while_features_are_read_and_give_way_to_a_long_write(world: World) -> None:
    await world.create("a")
    make = world.wiring.stores.entries.make_partitions
    async with world.owner.transaction():
        await world.owner.fetch("SELECT * FROM features JOIN audit_entries ON feature_id = features.id")
        assert await make(4) == 1
    async with world.owner.transaction():
        await world.owner.execute("UPDATE features SET version = version")
        with pytest.raises(Unavailable):
            await make(5)
        await world.create("b")  # nobody waits for it any more
    assert await make(5) == 1
    settings = await world.owner.fetchval("SELECT proconfig FROM pg_proc WHERE proname = 'make_audit_partitions'")
    assert "lock_timeout=1s" in settings  # while it waits for that write, writes wait for it


async def test_entries_lie_in_the_month_of_their_change_and_imported_ones_in_the_history(world: World) -> None:
    (feature,) = await world.plant("user", 1)
    start = await this_month(world.owner)
    next_month = (start + timedelta(days=32)).replace(day=1)
    microsecond = timedelta(microseconds=1)
    for moment in (start - microsecond, start, next_month - microsecond, next_month, datetime(1970, 1, 1, tzinfo=UTC)):
        await world.plant_entries(feature, "user", moment, 1)
    rows = await world.owner.fetch("SELECT tableoid::regclass::text, count(*) FROM audit_entries GROUP BY 1 ORDER BY 1")
    this, following = months(start, 2)
    assert [tuple(row) for row in rows] == [(this, 2), (following, 1), ("audit_entries_history", 3)]
    with pytest.raises(asyncpg.CheckViolationError):
        await world.plant_entries(feature, "user", start + timedelta(days=200), 1)


async def test_an_entry_that_the_code_never_writes_is_refused(world: World) -> None:
    (feature,) = await world.plant("user", 1)
    insert = """INSERT INTO audit_entries
        SELECT $1, $2, owner_id, $3, $4, version, changed_fields, NULL, NULL, '{}', now() FROM audit_entries"""
    async with nothing_written(world):
        for feature_id, actor_id, action, fault in (
            (new_id(), None, "UPDATE", asyncpg.ForeignKeyViolationError),
            (feature, new_id(), "UPDATE", asyncpg.ForeignKeyViolationError),
            (feature, None, "update", asyncpg.CheckViolationError),
        ):
            with pytest.raises(fault):
                await world.owner.execute(insert, new_id(), feature_id, actor_id, action)


# The job


async def calls_of_the_job(failures: list[Exception], day: float, retry: float) -> list[int]:
    """What the job asked for until the fifth time, of which the first ones fail so; it runs on until it is ended."""
    asked: list[int] = []
    done = asyncio.Event()

    async def make(months_ahead: int) -> int:
        asked.append(months_ahead)
        if len(asked) <= len(failures):
            raise failures[len(asked) - 1]
        if len(asked) == 5:
            done.set()
            await asyncio.Event().wait()
        return 0

    job = asyncio.create_task(keep_partitions(make, day, retry))
    await asyncio.wait_for(done.wait(), 20)
    assert not job.done()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    return asked


async def test_the_job_makes_partitions_three_months_ahead_every_day() -> None:
    assert await calls_of_the_job([], day=0, retry=3600) == [3] * 5


async def test_the_job_asks_again_after_the_database_was_away_or_refused() -> None:
    failures = [Unavailable("away"), asyncpg.UndefinedFunctionError("not migrated yet"), Unavailable("away"), OSError()]
    with capture_logs() as logged:
        assert await calls_of_the_job(failures, day=3600, retry=0) == [3] * 5
    assert [line["log_level"] for line in logged] == ["warning", "error", "warning", "error"]
