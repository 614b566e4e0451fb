"""Who still calls v1, from the call to the report."""

from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from app.commands.legacy_report import line_of
from app.db.legacy_call import SqlLegacyCalls
from app.kernel.clock import new_id, utc_now
from app.kernel.ids import UserId
from app.main import create_app
from tests.fixtures.lifespan import started
from tests.fixtures.rest import V1, V2, call
from tests.fixtures.waiting import eventually
from tests.fixtures.world import World

DAY = date(2026, 5, 1)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


async def counted(world: World) -> dict[tuple[str, str], int]:
    """Calls by user and operation, of all days, once everything is written."""
    await world.wiring.legacy_calls.note()
    names = {id: name for name, id in world.users.items()}
    rows = await world.owner.fetch("SELECT user_id, operation, sum(calls) FROM legacy_calls GROUP BY 1, 2")
    return {(names[row[0]], row[1]): int(row[2]) for row in rows}


async def test_calls_of_v1_are_counted_however_they_end_and_those_of_v2_and_of_strangers_are_not(world: World) -> None:
    await call(world, "GET", V1)
    await call(world, "GET", V1, "manager")
    await call(world, "GET", f"{V1}?limit=0")  # 400
    await call(world, "POST", V1, "viewer", {"name": "no"})  # 403
    await call(world, "GET", f"{V1}/{new_id()}")  # 404
    await call(world, "GET", V1, "guest")
    await call(world, "GET", V1, authorization="Bearer no")
    await call(world, "OPTIONS", V1)
    await call(world, "GET", V2)
    assert await counted(world) == {
        ("user", f"GET {V1}"): 2,
        ("manager", f"GET {V1}"): 1,
        ("viewer", f"POST {V1}"): 1,
        ("user", f"GET {V1}/{{id}}"): 1,
    }


async def test_counts_of_several_servers_add_up_and_the_last_call_never_goes_back(world: World) -> None:
    store, user = SqlLegacyCalls(world.wiring.database), world.users["user"]
    await store.note({(user, DAY, "a"): (2, NOON)})
    await store.note({(user, DAY, "a"): (3, NOON - timedelta(hours=1)), (user, DAY, "b"): (1, NOON)})
    rows = await world.owner.fetch("SELECT operation, calls, last_at FROM legacy_calls ORDER BY operation")
    assert [tuple(row) for row in rows] == [("a", 5, NOON), ("b", 1, NOON)]


async def test_application_can_neither_take_counts_away_nor_give_them_to_another(world: World) -> None:
    text = "SELECT privilege_type FROM information_schema.role_table_grants WHERE table_name = $1 AND grantee = $2"
    rows = await world.owner.fetch(text, "legacy_calls", "feature_api_app")
    assert {row[0] for row in rows} == {"SELECT", "INSERT"}


async def test_counts_are_forgotten_when_they_are_old_and_no_statement_takes_younger_ones(world: World) -> None:
    store, user, today = SqlLegacyCalls(world.wiring.database), world.users["user"], utc_now().date()
    days = {age: today - timedelta(days=age) for age in (0, 30, 40, 41, 400)}
    await store.note({(user, day, operation): (1, NOON) for day in days.values() for operation in ("a", "b")})
    forgotten = [await store.forget(40, 3) for _ in range(3)]
    left = await world.owner.fetch("SELECT day FROM legacy_calls ORDER BY day DESC")
    assert (forgotten, [row[0] for row in left]) == ([3, 1, 0], [days[age] for age in (0, 0, 30, 30, 40, 40)])
    for refused in ((29, 10), (30, 0), (30, 100_001)):
        with pytest.raises(asyncpg.RaiseError):
            await store.forget(*refused)


async def test_the_server_forgets_counts_by_its_setting(world: World, collector: None) -> None:
    today = utc_now().date()
    ages = (today - timedelta(days=world.wiring.settings.legacy_call_retention_days + more) for more in (0, 1))
    await world.wiring.stores.legacy_calls.note({(world.users["user"], day, "a"): (1, NOON) for day in ages})

    async def is_forgotten() -> bool:
        return bool(await world.owner.fetchval("SELECT count(*) = 1 FROM legacy_calls"))

    async with started(create_app(world.wiring)):
        await eventually(is_forgotten)


async def test_report_has_a_line_for_each_caller_the_last_first(world: World) -> None:
    store, gone = SqlLegacyCalls(world.wiring.database), UserId(new_id())
    user, admin = world.users["user"], world.users["admin"]
    await store.note(
        {
            (user, DAY, "GET /b"): (2, NOON),
            (user, DAY + timedelta(days=1), "GET /a"): (1, NOON + timedelta(days=1)),
            (gone, DAY, "GET /a"): (7, NOON),
            (admin, DAY - timedelta(days=1), "GET /a"): (9, NOON - timedelta(days=1)),  # too long ago
        }
    )
    name, email = (await world.owner.fetch("SELECT name, email FROM users WHERE id = $1", user))[0]
    callers = await store.fetch_callers(DAY)
    assert [line_of(caller) for caller in callers] == [
        f"2026-05-02T12:00:00Z         3  {name} <{email or user}>  GET /a, GET /b",
        f"2026-05-01T12:00:00Z         7  a user who is gone <{gone}>  GET /a",
    ]
