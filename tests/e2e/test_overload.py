"""More requests at once than a server works on: those it took are answered, the others are told at once to come again,
nothing is left of it, and who sends or reads slowly keeps nobody out."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.fixtures.faults import READ, held_up, locked
from tests.fixtures.production import PLAIN, Production, Serving
from tests.fixtures.waiting import soon

ROOM, POOL, SENT = 6, 2, 4
PATIENT = {"DATABASE_ACQUIRE_TIMEOUT": "60", "DATABASE_STATEMENT_TIMEOUT": "60"}
SLOW = b'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"query": "'
GET = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def server(production: Production) -> Iterator[Serving]:
    with production.serving(MAX_CONCURRENT_REQUESTS=str(ROOM), DATABASE_POOL_SIZE=str(POOL), **PATIENT) as serving:
        yield serving


def turned_away(server: Serving) -> float:
    families = text_string_to_metric_families(httpx.get(f"{server.url}/metrics", verify=PLAIN).text)
    name = "feature_api_requests_turned_away_total"
    [found] = [sample.value for family in families for sample in family.samples if sample.name == name]
    return found


async def first[T](tasks: set[asyncio.Task[T]], count: int) -> set[asyncio.Task[T]]:
    """So many that are done, or a few more, taken out of the others."""
    done: set[asyncio.Task[T]] = set()
    while len(done) < count:
        found, _ = await asyncio.wait(tasks, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert found
        done |= found
        tasks -= found
    return done


def leave(server: Serving, start: bytes) -> None:
    for _ in range(3 * ROOM):
        with server.connect() as peer:
            peer.sendall(start)


LEFT = {"nobody": b"", "in the head": SLOW[:40], "in the body": SLOW, "after it": GET, "far ahead": GET * 10}


@pytest.mark.parametrize("left", LEFT)
async def test_those_that_fit_are_answered_and_the_others_told_at_once(
    server: Serving, production: Production, left: str
) -> None:
    """Whoever left in the midst before leaves no trace in the count."""
    leave(server, LEFT[left])
    soon(lambda: server.ask(READ, "user").status_code == 200)
    before = turned_away(server)
    headers = {"authorization": f"Bearer {production.token('user')}"}
    owner, watcher = await asyncpg.connect(production.owner_url), await asyncpg.connect(production.owner_url)
    async with httpx.AsyncClient(verify=PLAIN, timeout=30, headers=headers) as client:

        async def ask(path: str = "/graphql") -> httpx.Response:
            return await client.post(f"{server.url}{path}", json={"query": READ})

        async with locked(owner):
            under_way = {asyncio.create_task(ask()) for _ in range(ROOM + SENT)}
            await held_up(watcher, POOL)  # the others that fit wait for a connection
            refused = [await task for task in await first(under_way, SENT)]
            for answer in refused:
                [error] = answer.json()["errors"]
                assert (answer.status_code, error["extensions"]) == (503, {"code": "UNAVAILABLE", "retryAfter": 1})
                assert (answer.headers["retry-after"], answer.headers["cache-control"]) == ("1", "no-store")
                assert answer.headers["x-content-type-options"] == "nosniff" and "connection" not in answer.headers
            assert ROOM - 1 <= len(under_way) <= ROOM  # the last request before may not be over yet
            for path in ("/health/live", "/health/ready", "/metrics"):  # the database's other tables are not locked
                assert (await client.get(f"{server.url}{path}")).status_code in (200, 503)
            assert (await client.get(f"{server.url}/health/live")).status_code == 200
        assert [task.status_code for task in await asyncio.gather(*under_way)] == [200] * len(under_way)
        assert (await ask()).status_code == 200
    assert turned_away(server) == before + len(refused)
    await owner.close()
    await watcher.close()


def test_who_sends_slowly_keeps_nobody_out(server: Serving) -> None:
    with ExitStack() as stack:
        for _ in range(2 * ROOM):
            stack.enter_context(server.connect()).sendall(SLOW)
        soon(lambda: server.ask(READ, "user").status_code == 200)
        for _ in range(ROOM):
            assert server.ask(READ, "user").status_code == 200
    soon(lambda: server.ask(READ, "user").status_code == 200)
