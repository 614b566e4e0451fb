"""More requests at once than a server works on: those it took are answered, the others are told at once to come again,
nothing is left of it, and who sends or reads slowly keeps nobody out."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import orjson
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.web.admission import UNHEARD
from app.web.connection import AHEAD
from app.web.crowd import WINDOW
from bench.open_loop import Phase, send_all
from bench.request import Request
from tests.fixtures.faults import READ, held_up, locked
from tests.fixtures.production import PLAIN, Production, Serving, rest_of
from tests.fixtures.waiting import PATIENCE, eventually, soon

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
        found, _ = await asyncio.wait(tasks, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
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


@asynccontextmanager
async def crowded(server: Serving, production: Production, room: int) -> AsyncIterator[list[int]]:
    """As many requests are under way as may be until the block ends; their statuses are there afterwards."""
    statuses: list[int] = []
    soon(lambda: server.ask(READ, "user").status_code == 200)
    async with AsyncExitStack() as stack:
        owner, watcher = await asyncpg.connect(production.owner_url), await asyncpg.connect(production.owner_url)
        stack.push_async_callback(owner.close)
        stack.push_async_callback(watcher.close)
        ask = await stack.enter_async_context(asking(server))
        async with locked(owner):
            under_way = {asyncio.create_task(ask()) for _ in range(room)}
            for task in under_way:
                stack.callback(task.cancel)
            await held_up(watcher, POOL)
            refused = await first(under_way | {asyncio.create_task(ask())}, 1)
            under_way -= refused  # where the last request before was not over yet
            assert {task.result() for task in refused} == {503}
            yield statuses
        statuses += await asyncio.gather(*under_way)


@asynccontextmanager
async def asking(server: Serving) -> AsyncIterator[Callable[[], Coroutine[Any, Any, int]]]:
    """What reads the features, and returns the status."""
    headers = {"authorization": f"Bearer {server.production.token('user')}"}
    async with httpx.AsyncClient(verify=PLAIN, timeout=60, headers=headers) as client:

        async def ask() -> int:
            return (await client.post(f"{server.url}/graphql", json={"query": READ})).status_code

        yield ask


def told(peer: socket.socket, count: int = 1) -> list[tuple[bytes, bytes]]:
    """So many answers, as (head, body)."""
    found: list[tuple[bytes, bytes]] = []
    data = b""
    while len(found) < count:
        head, end, body = data.partition(b"\r\n\r\n")
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if end and len(body) >= length:
            found.append((head, body[:length]))
            data = body[length:]
        else:
            piece = peer.recv(65_536)
            assert piece, data
            data += piece
    assert data == b""
    return found


ASK = b"GET /api/v2/features HTTP/1.1\r\nHost: x\r\n"
SAID = {
    "message": "Too many requests are under way: try again.",
    "extensions": {"code": "UNAVAILABLE", "retryAfter": 1},
}


def is_told_to_wait(head: bytes, body: bytes) -> bool:
    lines = head.lower().split(b"\r\n")
    needed = {b"retry-after: 1", b"cache-control: no-store", b"x-content-type-options: nosniff"}
    return (
        lines[0] == b"http/1.1 503 service unavailable"
        and needed <= set(lines)
        and any(line.startswith(b"date: ") for line in lines)
        and orjson.loads(body) == {"errors": [SAID]}
    )


async def test_refused_connection_stays_and_its_next_request_is_heard(server: Serving, production: Production) -> None:
    async with crowded(server, production, ROOM) as statuses:
        with server.connect() as peer:
            for parts in ((ASK + b"\r\n",), (SLOW, b"x" * 989), (ASK + b"Expect: 100-continue\r\n\r\n",)):
                asked = time.monotonic()
                peer.sendall(parts[0])  # before its body
                assert [is_told_to_wait(*answer) for answer in told(peer)] == [True]
                peer.sendall(b"".join((*parts[1:], GET)))
                [(head, _)] = told(peer)
                assert head.startswith(b"HTTP/1.1 200 OK") and time.monotonic() - asked > 0.9 * UNHEARD
            peer.sendall((ASK + b"\r\n") * 3)
            assert [is_told_to_wait(*answer) for answer in told(peer, 3)] == [True] * 3
            peer.sendall(ASK + b"\r\n" + GET)
            busy, well = told(peer, 2)
            assert is_told_to_wait(*busy) and well[0].startswith(b"HTTP/1.1 200 OK")
    assert set(statuses) == {200}


async def test_who_asks_far_ahead_is_refused_as_often_as_may_be_and_then_cut_off(
    server: Serving, production: Production
) -> None:
    """A refusal that is written at once is written however many others nobody has read yet."""
    async with crowded(server, production, ROOM):
        with server.connect() as peer:
            peer.sendall((ASK + b"\r\n") * 4 * AHEAD)
            told_so_often = rest_of(peer).count(b"HTTP/1.1 503 ")
    assert 1 <= told_so_often <= AHEAD + 2


async def test_refused_connection_ends_where_the_caller_wants_it_to(server: Serving, production: Production) -> None:
    async with crowded(server, production, ROOM):
        for request in (ASK + b"Connection: close\r\n\r\n", b"GET /api/v2/features HTTP/1.0\r\n\r\n"):
            head, _, body = server.raw(request).partition(b"\r\n\r\n")
            assert is_told_to_wait(head, body) and b"connection: close" in head.lower().split(b"\r\n")
        with server.connect() as peer:
            peer.sendall(b"HEAD /api/v2/features HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            head, _, nothing = rest_of(peer).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ") and b"content-length: %d\r\n" % len(body) in head
        assert nothing == b""


async def test_refusal_waits_for_the_answer_before_it_on_its_connection(production: Production) -> None:
    read = orjson.dumps({"query": READ})
    bearer = f"Authorization: Bearer {production.token('user')}\r\n".encode()
    head = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    with production.serving(MAX_CONCURRENT_REQUESTS="1", **PATIENT) as serving, serving.connect() as peer:
        owner, watcher = await asyncpg.connect(production.owner_url), await asyncpg.connect(production.owner_url)
        soon(lambda: serving.ask(READ, "user").status_code == 200)
        async with locked(owner):
            peer.sendall(head % len(read) + bearer + b"\r\n" + read + ASK + b"\r\n")
            await held_up(watcher, 1)
        (first_head, _), refused = told(peer, 2)
        assert first_head.startswith(b"HTTP/1.1 200 OK") and is_told_to_wait(*refused)
        await owner.close()
        await watcher.close()


async def test_who_sends_slowly_after_a_refusal_takes_no_room(server: Serving, production: Production) -> None:
    with ExitStack() as stack:
        async with crowded(server, production, ROOM):
            for _ in range(ROOM):
                peer = stack.enter_context(server.connect())
                peer.sendall(SLOW)
                assert is_told_to_wait(*told(peer)[0])
            await asyncio.sleep(0.5)  # by then it is known that they are slow
            before = turned_away(server)
            assert [server.ask(READ, "user").status_code for _ in range(3)] == [503] * 3
            assert turned_away(server) == before + 3


async def test_after_slow_requests_fewer_are_let_in_and_soon_all_again(production: Production) -> None:
    room = 12
    with production.serving(MAX_CONCURRENT_REQUESTS=str(room), DATABASE_POOL_SIZE=str(POOL), **PATIENT) as serving:
        async with AsyncExitStack() as stack:
            owner = await asyncpg.connect(production.owner_url)
            stack.push_async_callback(owner.close)
            ask = await stack.enter_async_context(asking(serving))
            async with crowded(serving, production, room) as slow:
                await asyncio.sleep(0.2)  # so that they are
            before = turned_away(serving)
            async with locked(owner):
                under_way = {asyncio.create_task(ask()) for _ in range(room)}
                refused = await first(under_way, 2)
            statuses = [task.result() for task in refused] + await asyncio.gather(*under_way)
            assert statuses.count(503) == turned_away(serving) - before >= 2
            assert statuses.count(200) == room - statuses.count(503) >= 4 * POOL
            assert set(slow) == {200}

            async def all_fit() -> bool:
                """After a quick one: many at once may be slow again, on a busy machine, and leave less room."""
                await asyncio.sleep(5 * WINDOW)
                await ask()
                return set(await asyncio.gather(*(ask() for _ in range(room)))) == {200}

            await eventually(all_fit)


async def test_a_thousand_requests_a_second_take_no_memory_and_leave_nothing_behind(
    server: Serving, production: Production
) -> None:
    """Nothing is done meanwhile, so that all but those that were let in are told to wait, on a fast machine too."""
    address, process = urlsplit(server.url), psutil.Process(server.pid)
    assert address.hostname and address.port
    where, before, seen_before = (address.hostname, address.port), process.memory_info().rss, turned_away(server)
    asked = [Request("GET", "/api/v2/features", authorization=f"Bearer {production.token('user')}")]
    most = before
    async with crowded(server, production, ROOM) as statuses:
        storm = asyncio.create_task(asyncio.to_thread(send_all, where, asked, [Phase(1_000, 3)], connections=500))
        while not storm.done():
            most = max(most, process.memory_info().rss)
            await asyncio.sleep(0.05)
        seen = await storm
    assert {(answer.status, answer.again) for answer in seen.answers} == {(503, True)} and seen.unanswered == 0
    assert len(seen.answers) + seen.unsent == 3_000 and len(seen.answers) > 500
    assert all(0 < answer.late < answer.took for answer in seen.answers) and 0 < seen.begun < time.perf_counter()
    assert turned_away(server) - seen_before >= len(seen.answers)
    assert most - before < 40 * 2**20
    assert set(statuses) == {200}
    assert [server.ask(READ, "user").status_code for _ in range(2 * ROOM)] == [200] * 2 * ROOM
