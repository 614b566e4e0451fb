"""Who writes tells the relay beside it, after the commit: so what it writes is published at once (docs/adr/0028)."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import asyncpg
import pytest

from app.main import create_app
from tests.fixtures.endpoint import world_with
from tests.fixtures.lifespan import started
from tests.fixtures.rest import V2, call
from tests.fixtures.waiting import eventually
from tests.fixtures.world import World
from tests.fixtures.writes import written

type Write = Callable[[World, str], Awaitable[Any]]


async def _create(world: World, id: str) -> Any:
    return await world.create("b")


async def _create_over_rest(world: World, id: str) -> Any:
    return await call(world, "POST", V2, "user", {"name": "b"})


async def _change(world: World, id: str) -> Any:
    return await written(world, "archiveFeature", id=id)


async def _bulk(world: World, id: str, atomic: bool = False) -> Any:
    items = [{"op": "create", "name": name} for name in ("b", "c")]
    return await call(world, "POST", f"{V2}/bulk", "user", {"items": items, "atomic": atomic})


async def _under_a_key(world: World, id: str) -> Any:
    return await call(world, "POST", V2, "user", {"name": "b"}, idempotency_key="k1")


WRITES: dict[str, tuple[Write, int]] = {
    "create": (_create, 1),
    "create over REST": (_create_over_rest, 1),
    "change": (_change, 1),
    "bulk": (_bulk, 2),
    "bulk, all or none": (partial(_bulk, atomic=True), 2),
    "under a key": (_under_a_key, 1),
}


@pytest.mark.parametrize("wall", ["off", "on"])
@pytest.mark.parametrize("write", WRITES)
async def test_every_write_is_announced_after_its_commit(world: World, owner_url: str, write: str, wall: str) -> None:
    """What others can see then is counted while nothing in this process can go on."""

    async def count() -> int:
        connection = await asyncpg.connect(owner_url)
        try:
            found: int = await connection.fetchval("SELECT count(*) FROM outbox")
            return found
        finally:
            await connection.close()

    async with world_with(world, database_row_security=wall) as made:
        feature = await made.create("a")
        heard: list[int] = []
        with ThreadPoolExecutor(1) as beside:
            for pool in made.wiring.row_security.pools().values():
                pool.announced = lambda: heard.append(beside.submit(asyncio.run, count()).result())
            act, events = WRITES[write]
            await act(made, feature["id"])
        assert heard and heard[-1] == 1 + events == await count()


async def test_what_changes_nothing_announces_nothing(world: World) -> None:
    feature = await world.create("a")
    await written(world, "archiveFeature", id=feature["id"])
    heard: list[None] = []
    world.wiring.database.pool.announced = lambda: heard.append(None)
    assert (await call(world, "GET", V2, "user")).status_code == 200
    assert (await call(world, "POST", V2, "user", {"name": "a"})).status_code == 409
    assert (await call(world, "POST", V2, "user", {"name": ""})).status_code == 400
    await written(world, "archiveFeature", id=feature["id"])  # it is archived
    assert heard == []


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("wall", ["off", "on"])
async def test_what_is_written_is_published_though_nobody_looks_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch, wall: str
) -> None:
    """The next look would be in ten minutes."""
    monkeypatch.setattr("app.jobs.outbox.PAUSE", 600.0)

    async def nothing_waits() -> bool:
        return bool(await world.owner.fetchval("SELECT NOT EXISTS (SELECT FROM outbox)"))

    async with world_with(world, database_row_security=wall) as made, started(create_app(made.wiring)):
        for name in ("a", "b", "c"):
            await made.create(name)
            await eventually(nothing_waits)
