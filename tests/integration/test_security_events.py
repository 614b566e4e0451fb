"""Security events (R23): what makes one, where it is told and kept, and who can undo that: nobody."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from app.embedded.postgres import Postgres
from app.jobs.retention import keep_for
from app.jobs.security_events import keep_events
from app.kernel.clock import utc_now
from app.kernel.errors import Unavailable
from app.kernel.ids import global_id
from app.telemetry.shared import exposition
from tests.fixtures.database import in_database
from tests.fixtures.faults import copied_database, killed, migrated_server, restarted, world_with
from tests.fixtures.reading import copy, event_row
from tests.fixtures.servers import Servers
from tests.fixtures.waiting import eventually
from tests.fixtures.world import Who, World
from tests.fixtures.writes import document, refused, write, written

KEPT = "SELECT kind, actor_id, subject, facts FROM security_events ORDER BY created_at, id"
EVENTS = "{ securityEvents { totalCount nodes { id } } }"


async def kept(world: World) -> list[tuple[Any, ...]]:
    """What is in the table once all that waits is written."""
    await world.wiring.security_events.flush()
    return [tuple(row) for row in await world.owner.fetch(KEPT)]


def metric(world: World, name: str) -> float:
    [value] = [
        float(line.split()[-1])
        for line in exposition(world.wiring.observing.registry).decode().splitlines()
        if line.startswith(name + " ")
    ] or [0.0]
    return value


def denied(world: World, who: Who, permission: str, code: str = "FORBIDDEN") -> tuple[Any, ...]:
    return "PERMISSION_DENIED", world.users[who], permission, f'{{"code": "{code}"}}'


# What makes one


@pytest.fixture(params=["compiled", "reference"])
async def either(
    request: pytest.FixtureRequest, servers: Servers, app_url: str, owner_url: str, tmp_path: Path
) -> AsyncIterator[World]:
    """A world that runs operations one way or the other."""
    async with world_with(app_url, owner_url, servers.redis_url, tmp_path, executor=request.param) as world:
        yield world


@pytest.mark.usefixtures("no_wall")
async def test_whatever_is_refused_by_permission_is_one_event_whatever_runs_the_operation(either: World) -> None:
    id = (await either.create("mine"))["id"]
    someone = global_id("User", either.users["other"])

    await either.ask(document("createFeature"), "viewer", input={"name": "x"})
    await either.ask(document("createFeature"), "user", input={"name": "x", "ownerId": someone})
    await either.ask(document("archiveFeature"), "viewer", input={"id": id})
    await either.ask(document("updateFeature"), "other", input={"id": id, "expectedVersion": 1, "name": "x"})
    await either.ask(document("disableUser"), "manager", input={"userId": someone})
    await either.ask(EVENTS, "user")

    assert await kept(either) == [
        denied(either, "viewer", "features:create"),
        denied(either, "user", "features:create"),
        denied(either, "viewer", "features:archive"),
        denied(either, "other", "features:update", "NOT_FOUND"),
        denied(either, "manager", "users:write"),
        denied(either, "user", "security_events:read"),
    ]


async def test_what_is_granted_missing_or_asked_by_a_guest_is_no_event(world: World) -> None:
    id = (await world.create("mine"))["id"]
    missing = global_id("Feature", world.users["user"])
    await world.data("query($id: ID!) { feature(id: $id) { name } }", "other", id=id)  # as if it did not exist
    await refused(world, "archiveFeature", "user", id=missing)
    await world.ask(EVENTS, "guest")
    await world.ask(document("createFeature"), "guest", input={"name": "x"})
    await world.ask("{ features(first: -1) { totalCount } }", "user")

    assert await kept(world) == []
    assert metric(world, 'feature_api_security_events_total{kind="PERMISSION_DENIED"}') == 0


@pytest.mark.usefixtures("no_wall")
async def test_what_is_refused_over_rest_is_an_event_too(world: World) -> None:
    id = world.users["user"]
    (feature,) = await world.plant("user", 1)
    for who, method, path in (
        ("viewer", "POST", ""),
        ("other", "DELETE", f"/{feature}"),
        ("other", "DELETE", f"/{id}"),
    ):
        headers = {"authorization": f"Bearer {world.token(who)}", "if-match": "*"}
        await world.client.request(method, f"/api/v2/features{path}", headers=headers, json={"name": "x"})
    assert await kept(world) == [
        denied(world, "viewer", "features:create"),
        denied(world, "other", "features:delete", "NOT_FOUND"),
    ]


async def test_several_refusals_of_one_request_are_as_many_events(world: World) -> None:
    await world.ask("{ a: securityEvents { totalCount } viewer { name } b: securityEvents { totalCount } }", "viewer")
    assert await kept(world) == [denied(world, "viewer", "security_events:read")] * 2


async def test_event_is_told_to_the_log_with_its_actor_hashed_and_to_the_metrics(world: World) -> None:
    with capture_logs() as logged:
        await world.post({"query": EVENTS}, "user", **{"x-request-id": "asked"})
    [line] = [line for line in logged if line["event"] == "security event"]
    assert line == {
        "event": "security event",
        "log_level": "warning",
        "kind": "PERMISSION_DENIED",
        "user": sha256(world.users["user"].bytes).hexdigest()[:16],
        "subject": "security_events:read",
        "address": line["address"],
        "request_id": "asked",
        "facts": {"code": "FORBIDDEN"},
    }
    assert metric(world, 'feature_api_security_events_total{kind="PERMISSION_DENIED"}') == 1
    await kept(world)
    row = await world.owner.fetchrow("SELECT address, request_id FROM security_events")
    assert row is not None and tuple(row) == (line["address"], "asked")


async def test_log_names_the_user_to_whom_it_was_done_by_a_hash_too(world: World) -> None:
    with capture_logs() as logged:
        await written(world, "disableUser", "admin", userId=world.id_of("viewer"))
    [line] = [line for line in logged if line["event"] == "security event"]
    assert line["subject"] == f"User:{sha256(world.users['viewer'].bytes).hexdigest()[:16]}"
    assert not any(world.id_of("viewer") in str(found) or str(world.users["viewer"]) in str(found) for found in logged)


async def test_of_a_flood_ten_a_minute_are_kept_for_each_actor_and_permission_and_all_are_counted(world: World) -> None:
    for _ in range(13):
        await world.ask(EVENTS, "user")
    await world.ask(EVENTS, "viewer")
    await world.ask(document("createUser"), "user", input={"name": "x", "email": "x@example.com", "role": "USER"})

    assert await kept(world) == [
        *[denied(world, "user", "security_events:read")] * 10,
        denied(world, "viewer", "security_events:read"),
        denied(world, "user", "users:write"),
    ]
    assert metric(world, 'feature_api_security_events_total{kind="PERMISSION_DENIED"}') == 15
    assert metric(world, 'feature_api_security_events_not_kept_total{reason="repeated"}') == 3


# In the write's own transaction


async def test_event_of_a_write_is_kept_with_it_and_of_a_refused_write_there_is_none(world: World) -> None:
    id = world.id_of("viewer")
    await written(world, "changeUserRole", "admin", userId=id, role="MANAGER")
    await written(world, "changeUserRole", "admin", userId=id, role="MANAGER")  # changes nothing
    await written(world, "disableUser", "admin", userId=id)
    await written(world, "enableUser", "admin", userId=id)
    await written(world, "updateUser", "admin", userId=id, name="Somebody")
    await refused(world, "updateUser", "admin", userId=id, email="user@example.com")
    await refused(world, "changeUserRole", "admin", userId=world.id_of("admin"), role="USER")

    actor = world.users["admin"]
    assert [tuple(row) for row in await world.owner.fetch(KEPT)] == [
        ("ROLE_CHANGED", actor, id, '{"to": "MANAGER", "from": "VIEWER"}'),
        ("USER_DISABLED", actor, id, '{"role": "MANAGER"}'),
        ("USER_ENABLED", actor, id, '{"role": "MANAGER"}'),
    ]
    assert metric(world, 'feature_api_security_events_total{kind="ROLE_CHANGED"}') == 1


# Reading


async def test_administrators_read_events_filtered_newest_first(world: World) -> None:
    at = utc_now()
    rows = [
        event_row(world.users["user"], at - timedelta(days=3), kind="LOGIN_FAILED", facts='{"reason": "password"}'),
        event_row(None, at - timedelta(days=2), subject=None, address=None, request_id=None),
        event_row(world.users["other"], at - timedelta(days=1)),
    ]
    await copy(world, "security_events", rows)
    text = """query($filter: SecurityEventFilter) { securityEvents(filter: $filter) { totalCount nodes {
      id kind subject address requestId facts createdAt actor { name } } } }"""

    async def found(**filter: object) -> list[int]:
        page = (await world.data(text, filter=filter))["securityEvents"]
        assert page["totalCount"] == len(page["nodes"])
        ids = [global_id("SecurityEvent", row["id"]) for row in rows]
        return [ids.index(node["id"]) for node in page["nodes"]]

    assert await found() == [2, 1, 0]
    assert await found(kind=["LOGIN_FAILED", "ROLE_CHANGED"]) == [0]
    assert await found(kind=[]) == []
    assert await found(actorId=world.id_of("other")) == [2]
    assert await found(kind=["PERMISSION_DENIED"], actorId=world.id_of("user")) == []
    assert await found(createdAt={"from": rows[1]["created_at"].isoformat()}) == [2, 1]
    assert await found(createdAt={"to": rows[1]["created_at"].isoformat()}) == [0]
    nodes = (await world.data(text))["securityEvents"]["nodes"]
    assert {key: value for key, value in nodes[2].items() if key not in ("id", "createdAt")} == {
        "kind": "LOGIN_FAILED",
        "subject": "features:update",
        "address": "192.0.2.1",
        "requestId": "r",
        "facts": {"reason": "password"},
        "actor": {"name": "user"},
    }
    assert [nodes[1][key] for key in ("subject", "address", "requestId", "facts", "actor")] == [None] * 3 + [{}, None]


# Nobody undoes them


async def test_events_are_neither_changed_nor_deleted_nor_truncated(world: World) -> None:
    await copy(world, "security_events", [event_row(None, utc_now() - timedelta(days=29))])
    pool = world.wiring.database.pool
    held = await pool.take()
    for statement in (
        "UPDATE security_events SET kind = 'X'",
        "DELETE FROM security_events",
        "TRUNCATE security_events",
        "UPDATE user_audit_entries SET action = 'CREATE'",
        "DELETE FROM user_audit_entries",
        "SELECT forget_security_events(29, 10)",
        "SELECT forget_security_events(NULL, 10)",
        "SELECT forget_security_events(30, 0)",
    ):
        for connection in (held.connection, world.owner):
            if "user_audit" in statement:
                await copy_entry(world)
            with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.RaiseError)):
                await connection.execute(statement)
    pool.give(held)
    assert await world.owner.fetchval("SELECT count(*) FROM security_events") == 1


async def copy_entry(world: World) -> None:
    if not await world.owner.fetchval("SELECT count(*) FROM user_audit_entries"):
        await written(world, "updateUser", "admin", userId=world.id_of("user"), name="Somebody")


async def test_forgetting_takes_what_is_older_than_the_retention_and_nothing_else(world: World) -> None:
    ages = (0, 29, 39, 41, 400)
    await copy(world, "security_events", [event_row(None, utc_now() - timedelta(days=age)) for age in ages])
    forgotten = asyncio.Event()

    async def forget(days: int, most: int) -> int:
        number = await world.wiring.stores.security_events.forget(days, 1)
        if number == 0:
            forgotten.set()
        return number

    job = asyncio.create_task(keep_for(40, forget, "events"))
    await asyncio.wait_for(forgotten.wait(), 20)
    job.cancel()
    left = await world.owner.fetch("SELECT created_at FROM security_events ORDER BY created_at DESC")
    assert [(utc_now() - row[0]).days for row in left] == [0, 29, 39]


async def test_the_job_forgets_again_after_the_database_was_away_or_refused() -> None:
    asked: list[int] = []
    done = asyncio.Event()

    async def forget(days: int, most: int) -> int:
        asked.append(days)
        if len(asked) == 1:
            raise Unavailable("away")
        if len(asked) == 2:
            raise asyncpg.UndefinedFunctionError("not migrated yet")
        done.set()
        return 0

    with capture_logs() as logged:
        job = asyncio.create_task(keep_for(365, forget, "events", retry=0))
        await asyncio.wait_for(done.wait(), 20)
        job.cancel()
    assert asked == [365] * 3
    assert [line["log_level"] for line in logged][:2] == ["warning", "error"]


# Written in the background


async def rows_of(world: World) -> int:
    found: int = await world.owner.fetchval("SELECT count(*) FROM security_events")
    return found


async def test_what_waits_is_written_soon_and_the_rest_when_the_process_ends(world: World) -> None:
    job = asyncio.create_task(keep_events(world.wiring.security_events, pause=0))
    await world.ask(EVENTS, "user")

    async def is_written() -> bool:
        return await rows_of(world) == 1

    await eventually(is_written)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job

    slow = asyncio.create_task(keep_events(world.wiring.security_events, pause=3600))
    await world.ask(EVENTS, "viewer")
    await asyncio.sleep(0)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await rows_of(world) == 2


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with migrated_server() as server:
        yield server


@pytest.fixture
def name(postgres: Postgres) -> Iterator[str]:
    with copied_database(postgres) as copied:
        yield copied


async def test_events_wait_while_postgresql_is_away_and_are_written_once_it_is_back(
    postgres: Postgres, name: str, servers: Servers, tmp_path: Path
) -> None:
    urls = in_database(postgres.app_url, name), in_database(postgres.owner_url, name)
    async with world_with(*urls, servers.redis_url, tmp_path) as world:
        asking: tuple[Who, ...] = ("user", "viewer")
        for who in asking:  # who they are is remembered
            await world.data("{ viewer { name } }", who)
        job = asyncio.create_task(keep_events(world.wiring.security_events, pause=0, retry=0.05))
        await killed(postgres)
        for who in asking:
            answer = await world.ask(EVENTS, who)
            assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        with pytest.raises(Unavailable):
            await world.wiring.security_events.flush()
        await restarted(postgres)
        world.owner = await asyncpg.connect(in_database(postgres.owner_url, name))

        async def both() -> bool:
            return await rows_of(world) == 2

        await eventually(both)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        assert await kept(world) == [denied(world, who, "security_events:read") for who in asking]


async def test_payload_of_a_refused_write_says_nothing_of_permissions(world: World) -> None:
    id = (await world.create("mine"))["id"]
    payload = await write(world, "archiveFeature", "other", id=id)
    assert "features:" not in str(payload)
