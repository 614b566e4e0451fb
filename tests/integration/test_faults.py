"""PostgreSQL killed and started again under a server that goes on running: clear answers, recovery, nothing halved."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sized
from pathlib import Path

import asyncpg
import pytest

from app.embedded.postgres import Postgres
from tests.fixtures.database import in_database
from tests.fixtures.faults import (
    READ,
    codes,
    copied_database,
    held_up,
    killed,
    locked,
    migrated_server,
    restarted,
    world_with,
)
from tests.fixtures.servers import Servers
from tests.fixtures.waiting import eventually
from tests.fixtures.world import CREATE, World
from tests.fixtures.writes import assert_sound, document, everything

AWAY = "The database cannot be reached at the moment: try again."
WRITERS = 6
KILLS = 3


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with migrated_server() as server:
        yield server


@pytest.fixture
def name(postgres: Postgres) -> Iterator[str]:
    with copied_database(postgres) as copied:
        yield copied


@pytest.fixture
async def mortal(postgres: Postgres, name: str, servers: Servers, tmp_path: Path) -> AsyncIterator[World]:
    """The application on a server that may be killed."""
    urls = in_database(postgres.app_url, name), in_database(postgres.owner_url, name)
    async with world_with(*urls, servers.redis_url, tmp_path, active_feature_limit=100_000, user_points=10**9) as world:
        yield world


async def reconnect(world: World, postgres: Postgres, name: str) -> None:
    world.owner = await asyncpg.connect(in_database(postgres.owner_url, name))


@pytest.mark.parametrize("writes", [False, True])
async def test_request_under_way_when_postgresql_is_killed_is_unavailable_and_the_next_ones_recover(
    mortal: World, postgres: Postgres, name: str, writes: bool
) -> None:
    await mortal.create("before")
    sound = await everything(mortal.owner)
    async with locked(mortal.owner):
        body = {"query": CREATE, "variables": {"input": {"name": "during"}}} if writes else {"query": READ}
        under_way = asyncio.create_task(mortal.post(body, "user"))
        watcher = await asyncpg.connect(in_database(postgres.owner_url, name))
        await held_up(watcher, 1)
        await killed(postgres)
    response = await under_way
    [error] = response.json()["errors"]
    assert response.status_code == 200
    assert (error["message"], error["path"]) == (AWAY, ["createFeature" if writes else "features"])
    assert error["extensions"] == {"code": "UNAVAILABLE", "retryAfter": 1}

    away = await mortal.ask(READ, "user")  # who asks is remembered still
    assert (away["data"], codes(away)) == (None, ["UNAVAILABLE"])
    stranger = await mortal.post({"query": READ}, "viewer")
    assert (stranger.status_code, codes(stranger.json())) == (503, ["UNAVAILABLE"])
    assert stranger.headers["retry-after"] == "1"
    assert (await mortal.client.get("/health/ready")).status_code == 503
    assert (await mortal.client.get("/health/live")).status_code == 200

    await restarted(postgres)
    assert (await mortal.data(READ))["features"]["nodes"] == [{"name": "before"}]
    assert (await mortal.client.get("/health/ready")).status_code == 200
    assert mortal.wiring.database.pool.lent == 0
    await reconnect(mortal, postgres, name)
    assert await everything(mortal.owner) == sound
    assert (await mortal.create("during"))["version"] == 1
    watcher.terminate()


async def test_writes_that_were_acknowledged_outlive_every_kill_and_no_write_is_half_there(
    mortal: World, postgres: Postgres, name: str
) -> None:
    acknowledged: dict[str, int] = {}  # version by feature
    refusals: list[str] = []
    stop = asyncio.Event()
    update = document("updateFeature")

    async def act(query: str, **input: object) -> dict[str, object] | None:
        """The feature, where the server said that it is written."""
        answer = await mortal.ask(query, "user", input=input)
        if "errors" in answer:
            refusals.extend(codes(answer))
            await asyncio.sleep(0)
            return None
        [payload] = answer["data"].values()
        assert payload["userErrors"] == []
        feature: dict[str, object] = payload["feature"]
        acknowledged[str(feature["databaseId"])] = int(str(feature["version"]))
        return feature

    async def write(writer: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            made = await act(CREATE, name=f"{writer} {number}")
            if made is not None:
                await act(update, id=made["id"], expectedVersion=1, description="changed")

    await mortal.data(READ, "user")
    writers = [asyncio.create_task(write(number)) for number in range(WRITERS)]
    for _ in range(KILLS):
        await grown(acknowledged, len(acknowledged) + 20)
        refused = len(refusals)
        await killed(postgres)
        await grown(refusals, refused + WRITERS)
        await restarted(postgres)
    await grown(acknowledged, len(acknowledged) + 20)
    stop.set()
    await asyncio.gather(*writers)

    assert set(refusals) == {"UNAVAILABLE"}
    await reconnect(mortal, postgres, name)
    kept = {str(row["id"]): row["version"] for row in await mortal.owner.fetch("SELECT id, version FROM features")}
    lost = {id: version for id, version in acknowledged.items() if kept.get(id, 0) < version}
    assert lost == {}
    assert len(acknowledged) >= 20 * (KILLS + 1)
    await assert_sound(mortal.owner)
    pool = mortal.wiring.database.pool
    assert pool.lent == 0 and 0 < pool.open <= pool.settings.size


async def grown(collection: Sized, size: int) -> None:
    async def enough() -> bool:
        return len(collection) >= size

    await eventually(enough)
