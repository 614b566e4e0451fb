"""The pool of connections: bounded, fair, and whole again after whatever happens to those who take from it."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import asyncpg
import pytest

from app.db.connect import PoolSettings
from app.db.pool import Held, Pool
from app.kernel.errors import Unavailable
from tests.fixtures.server import free_port
from tests.fixtures.waiting import eventually

SIZE = 3


@pytest.fixture
async def pool(app_url: str) -> AsyncIterator[Pool]:
    made = Pool(PoolSettings(app_url, size=SIZE, acquire_timeout=30))
    yield made
    await made.close()


async def backends(owner: "asyncpg.Connection[asyncpg.Record]") -> int:
    """Sessions of the application that the server itself sees."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'feature_api_app'"
    return int(await owner.fetchval(query))


async def take_all(pool: Pool) -> list[Held]:
    return [await pool.take() for _ in range(SIZE)]


async def settle() -> None:
    """Every task that can go on has gone on, those that wait for a turn included."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_connection_is_reused_and_never_reset(pool: Pool, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    first = await pool.take()
    pool.give(first)
    second = await pool.take()
    assert second is first
    assert (pool.lent, pool.open, await backends(owner)) == (1, 1, 1)
    pool.give(second)
    assert (pool.lent, pool.open) == (0, 1)


async def test_those_who_wait_are_served_in_the_order_they_came(pool: Pool) -> None:
    lent = await take_all(pool)
    served: list[int] = []

    async def wait(number: int) -> None:
        held = await pool.take()
        served.append(number)
        pool.give(held)

    waiting = [asyncio.create_task(wait(number)) for number in range(10)]
    await settle()
    assert served == []
    for held in lent:
        pool.give(held)
    await asyncio.gather(*waiting)
    assert served == list(range(10))
    assert (pool.lent, pool.open) == (0, SIZE)


async def test_room_after_a_broken_connection_goes_to_whoever_waited_longest(pool: Pool) -> None:
    lent = await take_all(pool)
    first = asyncio.create_task(pool.take())
    await settle()
    gone = lent.pop()
    gone.connection.terminate()
    pool.give(gone)
    # Before the one who waited has run again.
    late = asyncio.Task(pool.take(), loop=asyncio.get_running_loop(), eager_start=True)

    held = await first
    assert held is not gone and gone.connection.is_closed()
    assert not late.done()
    pool.give(held)
    lent.append(await late)
    assert (pool.lent, pool.open) == (SIZE, SIZE)
    for held in lent:
        pool.give(held)


async def test_full_pool_is_unavailable_after_the_time_to_wait_and_works_again(app_url: str) -> None:
    pool = Pool(PoolSettings(app_url, size=1, acquire_timeout=0.05))
    held = await pool.take()
    with pytest.raises(Unavailable, match="All connections to the database are busy: try again"):
        await pool.take()
    pool.give(held)
    assert await pool.take() is held
    pool.give(held)
    await pool.close()


async def test_turn_that_comes_as_its_taker_is_cancelled_goes_to_the_next(pool: Pool) -> None:
    lent = await take_all(pool)
    for broken in (False, True):
        gone, patient = asyncio.create_task(pool.take()), asyncio.create_task(pool.take())
        await settle()
        last = lent.pop()
        if broken:
            last.connection.terminate()
        pool.give(last)
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        assert gone.cancelled()
        lent.append(await patient)
        assert (pool.lent, pool.open) == (SIZE, SIZE)
    for held in lent:
        pool.give(held)


async def test_server_that_is_away_keeps_nobody_waiting(app_url: str) -> None:
    away = app_url.replace(app_url.rsplit(":", 1)[1].split("/")[0], str(free_port()))
    pool = Pool(PoolSettings(away, size=2, acquire_timeout=30))
    found = await asyncio.gather(*(pool.take() for _ in range(20)), return_exceptions=True)
    assert [str(error) for error in found] == ["The database cannot be reached at the moment: try again."] * 20
    assert (pool.lent, pool.open) == (0, 0)


async def test_connection_that_fails_as_it_is_made_ready_is_not_left_open(
    pool: Pool, owner: "asyncpg.Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    async def fail(*_: object, **__: object) -> None:
        seen.append(await backends(owner))
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(asyncpg.Connection, "set_type_codec", fail)
        with pytest.raises(asyncio.CancelledError):
            await pool.take()
    assert seen == [1]
    await eventually(lambda: no_backend(owner))
    pool.give(await pool.take())
    assert (pool.lent, pool.open) == (0, 1)


async def test_room_of_a_dropped_connection_is_taken_until_it_is_closed(pool: Pool) -> None:
    lent = await take_all(pool)
    waiting = asyncio.create_task(pool.take())
    await settle()
    dropped = asyncio.create_task(pool.drop(lent.pop()))
    await asyncio.sleep(0)
    assert (pool.lent, pool.open, waiting.done()) == (SIZE - 1, SIZE - 1, False)
    late = asyncio.create_task(pool.take())
    await dropped
    lent.append(await waiting)
    assert (pool.lent, late.done()) == (SIZE, False)
    pool.give(lent.pop())
    pool.give(await late)
    for held in lent:
        pool.give(held)


async def no_backend(owner: "asyncpg.Connection[asyncpg.Record]") -> bool:
    return await backends(owner) == 0


async def test_closed_pool_refuses_those_who_wait_and_those_who_come(pool: Pool) -> None:
    lent = await take_all(pool)
    waiting = [asyncio.create_task(pool.take()) for _ in range(2)]
    await settle()
    await pool.close()
    found = await asyncio.gather(*waiting, pool.take(), return_exceptions=True)
    assert [type(error) for error in found] == [Unavailable] * 3
    assert {str(error) for error in found} == {"The server is shutting down."}
    for held in lent:
        pool.give(held)
        assert held.connection.is_closed()
    assert pool.open == 0


@pytest.mark.parametrize("seed", range(5))
async def test_pool_is_bounded_and_loses_nothing_whatever_its_takers_do(
    pool: Pool, owner: "asyncpg.Connection[asyncpg.Record]", seed: int
) -> None:
    chance = random.Random(seed)
    served = 0

    async def use() -> None:
        nonlocal served
        held = await pool.take()
        broken = True
        try:
            assert pool.lent + len(pool._free) + pool._opening <= SIZE
            for _ in range(chance.randrange(3)):
                assert await held.connection.fetchval("SELECT 1") == 1
            if chance.random() < 0.1:
                held.connection.terminate()
            broken = chance.random() < 0.2
            served += 1
        finally:
            if broken:
                await pool.drop(held)
            else:
                pool.give(held)
            assert pool.lent + len(pool._free) + pool._opening <= SIZE

    async def act(step: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.ensure_future(step())
        if chance.random() < 0.4:
            for _ in range(chance.randrange(40)):
                await asyncio.sleep(0)
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    for _ in range(4):
        await asyncio.gather(*(act(use) for _ in range(25)))
        assert (pool.lent, pool._opening, len(pool._waiting)) == (0, 0, 0)
    assert served >= 40
    async with asyncio.timeout(30):
        whole = await take_all(pool)
    assert len({id(held) for held in whole}) == SIZE
    await eventually(lambda: as_many_backends(owner, SIZE))
    for held in whole:
        pool.give(held)


async def as_many_backends(owner: "asyncpg.Connection[asyncpg.Record]", count: int) -> bool:
    return await backends(owner) == count
