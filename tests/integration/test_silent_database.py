"""A database that does not answer is found out by a few, and left alone for a while by all (R64)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import pytest
from sqlalchemy import literal_column, select

from app.db.connect import PoolSettings
from app.db.database import Database
from app.db.joined import joined
from app.db.statement import Statement
from app.kernel.breaker import FAILURES, Breaker
from app.kernel.errors import Unavailable
from tests.fixtures.fault_proxy import Fault, Link, link_to
from tests.fixtures.servers import Servers

ONE = Statement("test.one", select(literal_column("1")))
SIZE = 3


class Moment:
    """A monotonic clock of the test's."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def link(servers: Servers) -> Iterator[Link]:
    parts = urlsplit(servers.app_url)
    assert parts.hostname and parts.port
    with link_to(parts.hostname, parts.port) as made:
        yield made


@pytest.fixture
def clock() -> Moment:
    return Moment()


@pytest.fixture
async def database(app_url: str, link: Link, clock: Moment) -> AsyncIterator[Database]:
    url = app_url.replace(str(urlsplit(app_url).port), str(link.port))
    made = Database(PoolSettings(url, size=SIZE, connect_timeout=0.2, statement_timeout=0.2, acquire_timeout=30))
    made.pool.breaker = Breaker("The database", clock, 2.0)
    yield made
    await made.close()


async def asked(database: Database) -> int | None:
    """What a caller is told to wait, in seconds; None where there was an answer."""
    try:
        await database.fetch(ONE)
    except Unavailable as error:
        return error.retry_after
    return None


def patiently(database: Database) -> None:
    """A machine that many share may take longer than the times above allow."""
    database.pool.settings = PoolSettings(database.pool.settings.url, size=SIZE, statement_timeout=1.0)


@pytest.mark.parametrize("fault", [Fault(refuses=True), Fault(mute=True)], ids=["refused", "mute"])
async def test_after_five_failures_nobody_asks_until_one_alone_tries(
    database: Database, link: Link, clock: Moment, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    tried = 0
    connect: Callable[..., Awaitable[object]] = database.pool._open

    async def counted() -> object:
        nonlocal tried
        tried += 1
        return await connect()

    monkeypatch.setattr(database.pool, "_open", counted)
    with link.spoiled(fault):
        assert [await asked(database) for _ in range(FAILURES - 1)] == [1] * (FAILURES - 1)
        assert not database.pool.breaker.is_open
        assert await asked(database) == 1
        assert database.pool.breaker.is_open and tried == FAILURES
        assert [await asked(database) for _ in range(20)] == [2] * 20
        assert tried == FAILURES
        clock.now += 2
        assert sorted(await asyncio.gather(*(asked(database) for _ in range(20)))) == [1] + [2] * 19
        assert tried == FAILURES + 1
    clock.now += 2
    patiently(database)
    assert await asked(database) is None
    assert not database.pool.breaker.is_open
    assert (database.pool.lent, database.pool.open) == (0, 1)


async def test_statements_that_find_silence_count_and_what_is_free_is_given_up(database: Database, link: Link) -> None:
    patiently(database)
    held = [await database.pool.take() for _ in range(SIZE)]
    for one in held:
        database.pool.give(one)
    with link.spoiled(Fault(forgets=True)):
        for _ in range(FAILURES):
            database.pool._count()
    assert database.pool.open == 0 and all(one.connection.is_closed() for one in held)


async def test_success_between_failures_begins_the_count_anew(database: Database) -> None:
    patiently(database)
    for _ in range(3):
        for _ in range(FAILURES - 1):
            database.pool.failure(TimeoutError())
        assert await asked(database) is None
    assert not database.pool.breaker.is_open


async def test_those_who_wait_behind_who_finds_out_are_told_at_once(database: Database, link: Link) -> None:
    with link.spoiled(Fault(refuses=True)):
        told = await asyncio.gather(*(asked(database) for _ in range(40)))
    assert None not in told and (database.pool.lent, database.pool._opening, len(database.pool._waiting)) == (0, 0, 0)


@pytest.mark.parametrize("way", ["transaction", "joined"])
async def test_nothing_more_is_asked_of_who_is_silent(
    database: Database, link: Link, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    commands: list[str] = []
    patiently(database)
    await database.fetch(ONE)
    [held] = database.pool._free
    await held.connection.execute("SET idle_in_transaction_session_timeout = 0")  # or the server would speak up
    monkeypatch.setattr("app.db.pool.CLOSE", 0.1)
    held.connection.add_query_logger(lambda record: commands.append(record.query))

    async def use() -> None:
        if way == "joined":
            async with joined(database) as within:
                with link.spoiled(Fault(forgets=True)):
                    await within.fetch(ONE)
        else:
            async with database.transaction() as within:
                with link.spoiled(Fault(forgets=True)):
                    await within.fetch(ONE)

    with pytest.raises(Unavailable) as caught:
        await use()
    assert isinstance(caught.value.__cause__, TimeoutError)
    await asyncio.sleep(0)  # loggers are told by the loop
    assert "BEGIN" in commands and "ROLLBACK" not in commands
    assert (database.pool.lent, database.pool.open) == (0, 0)
