"""Events as consumers get them: told by several processes of one server, read by a group."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
import redis

from tests.e2e.test_workers import counted, serving, workers_of
from tests.fixtures.embedded import ask
from tests.fixtures.events import assert_told, told
from tests.fixtures.production import PLAIN, Production
from tests.fixtures.server import feature_api, free_port
from tests.fixtures.waiting import soon

UNLIMITED = {"REST_POST_LIMIT": "1000000", "REST_PUT_LIMIT": "1000000", "USER_REQUESTS": "1000000"}
FEATURES, VERSIONS = 6, 10


@pytest.fixture
def stream() -> str:
    return f"feature-api:events:{uuid4().hex}"


def work(url: str, production: Production, number: int) -> None:
    """A feature with some versions, one after the other, by several processes."""
    headers = {"authorization": f"Bearer {production.token('user')}", "connection": "close"}
    with httpx.Client(verify=PLAIN, headers=headers, timeout=30) as client:
        made = client.post(f"{url}/api/v2/features", json={"name": f"{number} {uuid4().hex}"})
        assert made.status_code == 201, made.text
        path = f"{url}/api/v2/features/{made.json()['data']['id']}"
        for version in range(1, VERSIONS):
            sent = {"if-match": f'"{version}"'}
            assert client.patch(path, json={"description": f"{version}"}, headers=sent).status_code == 200


def all_at_work(url: str, production: Production) -> None:
    with ThreadPoolExecutor(FEATURES) as pool:
        list(pool.map(lambda number: work(url, production, number), range(FEATURES)))


def rows_of(production: Production, table: str) -> int:
    return int(str(ask(production.owner_url, f"SELECT count(*) FROM {table}")))


async def _assert_told(production: Production, stream: str) -> None:
    owner = await asyncpg.connect(production.owner_url)
    try:
        await assert_told(owner, production.environment["REDIS_URL"], stream)
    finally:
        await owner.close()


@pytest.fixture
def consumer(production: Production) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(production.environment["REDIS_URL"], decode_responses=True) as client:
        yield client


def test_processes_tell_everything_together_once_and_a_group_reads_it(
    production: Production, stream: str, consumer: "redis.Redis"
) -> None:
    """As the guide does it: the group is made before anything is told, and what was read is acknowledged."""
    consumer.xgroup_create(stream, "search", id="0", mkstream=True)
    read: list[dict[str, str]] = []

    def takes() -> bool:
        found: Any = consumer.xreadgroup("search", "one", {stream: ">"}, count=10, block=100)
        for place, fields in found[0][1] if found else []:
            read.append(fields)
            consumer.xack(stream, "search", place)
        return len(read) >= FEATURES * VERSIONS

    with serving(production, 3, EVENT_STREAM=stream, **UNLIMITED) as (url, process):
        all_at_work(url, production)
        soon(takes)
        assert len(workers_of(process)) == 3
        soon(lambda: counted(url, "feature_api_outbox_published_total") == FEATURES * VERSIONS)
        soon(lambda: counted(url, "feature_api_outbox_rows") == 0)
        assert counted(url, "feature_api_outbox_age_seconds") == 0
        assert counted(url, "feature_api_outbox_failures_total") == 0
    assert read == told(production.environment["REDIS_URL"], stream)
    assert len({event["id"] for event in read}) == len(read) == FEATURES * VERSIONS
    asyncio.run(_assert_told(production, stream))
    assert consumer.xpending(stream, "search")["pending"] == 0
    assert said(production, stream, "status") == [
        "outbox: 0 events wait",
        f"stream {stream}: {FEATURES * VERSIONS} events",
        "group search: 0 behind, 0 unacknowledged",
    ]


def said(production: Production, stream: str, *arguments: str, **settings: str) -> list[str]:
    environment = {**production.environment, "EVENT_STREAM": stream, **settings}
    environment["DATABASE_OWNER_URL"] = production.owner_url
    ended = feature_api(environment, "events", *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_commands_say_what_waits_and_tell_again(production: Production, stream: str, consumer: "redis.Redis") -> None:
    with production.serving(EVENT_STREAM=f"{stream}:before", **UNLIMITED) as server:
        all_at_work(server.url, production)
        soon(lambda: rows_of(production, "outbox") == 0)
    entries = rows_of(production, "audit_entries")
    assert said(production, stream, "replay", "--since", "2020-01-01") == [f"{entries} events are in the outbox again."]
    assert said(production, stream, "replay", "--since", "2020-01-01T00:00:00Z")[0].startswith("0 events")
    nowhere = f"redis://:{uuid4().hex}@127.0.0.1:{free_port()}/0"
    for address, expected in (
        (production.environment["REDIS_URL"], f"stream {stream}: 0 events"),
        (nowhere, "Redis does not take events: ConnectionError."),
    ):
        waiting, *others = said(production, stream, "status", REDIS_URL=address)
        assert waiting.startswith(f"outbox: {entries} events wait, the first since 20")
        assert others == [expected]
    with production.serving(EVENT_STREAM=stream):
        soon(lambda: consumer.xlen(stream) == entries)
