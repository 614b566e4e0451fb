"""A database that is slow, full or cuts connections: bounded waits, and a pool that is whole afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import pytest
from starlette.types import Message

from app.kernel.page import MAX_PAGE
from app.main import create_app
from tests.fixtures.faults import READ, held_up, locked, world_with
from tests.fixtures.servers import Servers
from tests.fixtures.waiting import eventually
from tests.fixtures.world import CREATE, World
from tests.fixtures.writes import assert_sound, everything, written

UPDATE = "mutation($input: UpdateFeatureInput!) { updateFeature(input: $input) { feature { version } } }"
TOO_SLOW = "The database took too long, so the work was cut off: try again."


class MakeWorld(Protocol):
    def __call__(self, **settings: Any) -> AbstractAsyncContextManager[World]: ...


@pytest.fixture
async def make_world(app_url: str, owner_url: str, servers: Servers, tmp_path: Path) -> MakeWorld:
    return lambda **settings: world_with(app_url, owner_url, servers.redis_url, tmp_path, **settings)


@pytest.fixture
async def watcher(owner_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Looks on while the world's own connection holds a lock."""
    connection = await asyncpg.connect(owner_url)
    yield connection
    await connection.close()


async def test_statement_held_up_by_a_lock_is_cut_off_and_its_connection_stays_in_use(make_world: MakeWorld) -> None:
    async with make_world(database_statement_timeout=1) as world:
        await world.create("before")
        before = await everything(world.owner)
        free = list(world.wiring.database.pool._free)
        async with locked(world.owner):
            read = await world.ask(READ, "user")
            write = await world.ask(CREATE, "user", input={"name": "during"})
        for answer, path in ((read, "features"), (write, "createFeature")):
            [error] = answer["errors"]
            assert (error["message"], error["path"]) == (TOO_SLOW, [path])
            assert error["extensions"] == {"code": "UNAVAILABLE", "retryAfter": 1}
        assert await everything(world.owner) == before
        assert (await world.data(READ, "user"))["features"]["nodes"] == [{"name": "before"}]
        assert (await world.create("during"))["version"] == 1
        assert set(world.wiring.database.pool._free) == set(free)
        await assert_sound(world.owner)


@pytest.mark.usefixtures("no_wall")
async def test_exhausted_pool_is_unavailable_and_recovers(
    make_world: MakeWorld, watcher: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with make_world(database_pool_size=2, database_acquire_timeout=0.1) as world:
        await world.create("before")
        async with locked(world.owner):
            blocked = [asyncio.create_task(world.ask(READ, "user")) for _ in range(2)]
            await held_up(watcher, 2)
            [error] = (await world.ask(READ, "user"))["errors"]
            assert error["message"] == "All connections to the database are busy: try again."
            assert error["extensions"] == {"code": "UNAVAILABLE", "retryAfter": 1}
            stranger = await world.post({"query": READ}, "viewer")
            assert (stranger.status_code, stranger.headers["retry-after"]) == (503, "1")
            assert world.wiring.database.pool.lent == 2
        for answer in await asyncio.gather(*blocked):
            assert answer["data"]["features"]["nodes"] == [{"name": "before"}]
        assert (world.wiring.database.pool.lent, world.wiring.database.pool.open) == (0, 2)
        await world.data(READ)


async def test_more_requests_than_connections_are_all_answered(make_world: MakeWorld) -> None:
    async with make_world(database_pool_size=2) as world:
        await world.plant("user", MAX_PAGE)
        answers = await asyncio.gather(*(world.data(READ, "user") for _ in range(40)))
        assert [len(answer["features"]["nodes"]) for answer in answers] == [20] * 40
        assert (world.wiring.database.pool.lent, world.wiring.database.pool.open) == (0, 2)


async def test_idle_connections_that_the_server_ended_are_replaced(make_world: MakeWorld, app_url: str) -> None:
    async with make_world() as world:
        await asyncio.gather(*(world.data(READ) for _ in range(4)))
        idle = list(world.wiring.database.pool._free)
        assert len(idle) > 1
        killer = await asyncpg.connect(app_url)
        await killer.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user
               AND datname = current_database() AND pid <> pg_backend_pid()"""
        )
        await killer.close()
        await eventually(lambda: all_closed(idle))
        assert await world.data(READ) == {"features": {"nodes": []}}
        assert world.wiring.database.pool.open == 1


async def all_closed(idle: list[Any]) -> bool:
    return all(held.connection.is_closed() for held in idle)


@pytest.mark.usefixtures("no_wall")
@pytest.mark.parametrize("writes", [False, True])
async def test_cancelled_request_writes_nothing_and_its_connection_is_replaced(
    make_world: MakeWorld, watcher: "asyncpg.Connection[asyncpg.Record]", writes: bool
) -> None:
    async with make_world(database_pool_size=1) as world:
        await world.create("before")
        before = await everything(world.owner)
        [held] = world.wiring.database.pool._free
        async with locked(world.owner):
            body = {"query": CREATE, "variables": {"input": {"name": "during"}}} if writes else {"query": READ}
            request = asyncio.create_task(world.post(body, "user"))
            await held_up(watcher, 1)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            assert (world.wiring.database.pool.lent, held.connection.is_closed()) == (0, True)
        assert (await world.data(READ, "user"))["features"]["nodes"] == [{"name": "before"}]
        await eventually(lambda: one_backend(watcher))  # what was cancelled is over for the server as well
        assert await everything(world.owner) == before


async def one_backend(watcher: "asyncpg.Connection[asyncpg.Record]") -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'feature_api_app'"
    return bool(await watcher.fetchval(query) == 1)


async def test_client_that_leaves_before_its_body_has_come_costs_nothing(world: World) -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b'{"query": ', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    await create_app(world.wiring)(scope, receive, send)
    assert [message.get("status") for message in sent] == [400, None]
    assert world.statements == []
    assert world.wiring.database.pool.lent == 0


@pytest.mark.parametrize("prepare", [True, False])
async def test_nothing_differs_without_prepared_statements_but_that_there_are_none(
    make_world: MakeWorld, prepare: bool
) -> None:
    async with make_world(database_prepare=prepare, database_pool_size=1) as world:
        made = await written(world, "createFeature", name="alpha", metadata={"category": "ui", "tags": ["x"]})
        changed = await written(world, "updateFeature", id=made["id"], expectedVersion=1, description="b")
        assert (changed["version"], changed["metadata"]) == (2, {"category": "ui", "tags": ["x"]})
        for _ in range(2):
            found = await world.data('{ features(filter: {search: "alpha", tags: ["x"]}) { nodes { id tags } } }')
            assert found["features"]["nodes"] == [{"id": made["id"], "tags": ["x"]}]
        [held] = world.wiring.database.pool._free
        count = await held.connection.fetchval(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%features%'"
        )
        assert (count > 0) is prepare
        await assert_sound(world.owner)


async def test_migration_under_prepared_statements_is_met_by_preparing_them_again(make_world: MakeWorld) -> None:
    async with make_world(database_pool_size=1) as world:
        before_id = (await world.create("before"))["id"]
        assert await world.data(READ, "user") == {"features": {"nodes": [{"name": "before"}]}}

        await world.owner.execute("ALTER TABLE features ALTER COLUMN version TYPE bigint")
        assert await world.data(READ, "user") == {"features": {"nodes": [{"name": "before"}]}}
        assert (await world.create("after"))["version"] == 1  # a transaction of its own, which may be tried again
        change = {"description": "a", "id": (await world.create("changed"))["id"], "expectedVersion": 1}
        assert (await world.ask(UPDATE, "user", input=change))["data"]["updateFeature"]["feature"] == {"version": 2}
        after = await everything(world.owner)

        await world.owner.execute("ALTER TABLE features ALTER COLUMN version TYPE integer")
        body = {"name": "too early", "id": before_id, "expectedVersion": 1}
        [error] = (await world.ask(UPDATE, "user", input=body))["errors"]
        assert error["extensions"]["code"] == "UNAVAILABLE"  # inside a transaction there is no second try
        assert await everything(world.owner) == after
        assert (await world.ask(UPDATE, "user", input=body))["data"]["updateFeature"]["feature"] == {"version": 2}


async def test_statements_kept_on_a_connection_are_bounded(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.database.MAX_PREPARED", 2)
    async with make_world(database_pool_size=1) as world:
        orders = [f"{{field: {field}, direction: {way}}}" for field in ("NAME", "STATUS") for way in ("ASC", "DESC")]
        for order in orders * 2:
            await world.data(f"{{ features(orderBy: {order}) {{ nodes {{ name }} }} }}", "user")
        [held] = world.wiring.database.pool._free
        kept = await held.connection.fetchval(
            "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'feature_api%'"
        )
        assert 0 < kept == len(held.prepared) <= 2
