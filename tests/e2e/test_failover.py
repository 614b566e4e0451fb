"""The primary goes away under load and its replica is promoted: what was acknowledged is there, nobody missed what they
wrote before, and servers that run on find the new one by themselves (R43, R64)."""

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx
import psutil
import pytest

from app.auth.keys import development_keys
from app.auth.tokens import Tokens
from tests.fixtures.cluster import Cluster, cluster_of, hold_back, let_go, people_of, promote
from tests.fixtures.events import assert_told
from tests.fixtures.fault_proxy import Fault, Link, link_to
from tests.fixtures.production import PLAIN, Production, Serving
from tests.fixtures.servers import Servers
from tests.fixtures.waiting import soon
from tests.fixtures.world import CREATE

WAIT = 2.0  # seconds of each of the server's times
DEADLINE = 3 * WAIT + 3.0 + 3.0  # the database's own, and what a replica may take before
SLACK = 6.0  # seconds that a busy machine may take beside
WRITERS = 3  # of each server
ENOUGH = 40  # writes of each server, before and after
BEHIND = 10  # of each server, while the replica takes them and does not show them
NAMES = "query($q: String!) { features(filter: { search: $q }) { nodes { name } } }"


@dataclass
class Load:
    """What clients of one server were told."""

    server: Serving
    acknowledged: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    longest: float = 0.0

    def work(self, stop: threading.Event) -> None:
        """Writes, and looks for it at once, where the replica may not have it yet."""
        token = self.server.production.token("user")
        with httpx.Client(headers={"authorization": f"Bearer {token}"}, timeout=60, verify=PLAIN) as client:
            while not stop.is_set():
                name = f"w{uuid4().hex}"
                if self._ask(client, CREATE, input={"name": name}) is None:
                    continue
                self.acknowledged.append(name)
                found = self._ask(client, NAMES, q=name)
                if found is not None and found["features"]["nodes"] != [{"name": name}]:
                    self.missed.append(name)

    def _ask(self, client: httpx.Client, query: str, **variables: object) -> Any:
        started = time.monotonic()
        answer = client.post(f"{self.server.url}/graphql", json={"query": query, "variables": variables})
        self.longest = max(self.longest, time.monotonic() - started)
        body = answer.json()
        if "errors" not in body:
            return body["data"]
        self.refused[body["errors"][0]["extensions"]["code"]] += 1
        time.sleep(0.05)  # as a client that is told to come again, only sooner
        return None


@contextmanager
def production_on(cluster: Cluster, servers: Servers, folder: Path, url: str) -> Iterator[Production]:
    users = asyncio.run(people_of(cluster))
    environment = {
        **os.environ,
        "ENVIRONMENT": "production",
        "DATABASE_URL": url,
        "DATABASE_REPLICA_URLS": cluster.replicas[0].app_url,
        "DATABASE_CONNECT_TIMEOUT": str(WAIT),
        "DATABASE_ACQUIRE_TIMEOUT": str(WAIT),
        "DATABASE_STATEMENT_TIMEOUT": str(WAIT),
        "DATABASE_BREAKER_PAUSE": "0.5",
        "REDIS_URL": servers.redis_url,
        "EVENT_STREAM": f"feature-api:events:{uuid4().hex}",
        "JWT_KEYS_FILE": str(folder / "keys.json"),
        "DATA_DIR": str(folder),
        "ACTIVE_FEATURE_LIMIT": "1000000",
        "USER_POINTS": "1000000000",
        "LOG_FORMAT": "json",
    }
    tokens = Tokens(development_keys(folder / "keys.json"), "feature-api", "feature-api")
    yield Production(environment, cluster.primary.owner_url, users, tokens)


def through(url: str, link: Link) -> str:
    """The first server by way of the link."""
    first = f"127.0.0.1:{link.port}"
    parts = urlsplit(url)
    user, _, hosts = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}@{','.join([first, *hosts.split(',')[1:]])}").geturl()


@pytest.mark.parametrize("how", ["killed", "gone without a word", "moved behind its name"])
def test_promotion_under_load_loses_nothing_that_was_acknowledged(how: str, servers: Servers, tmp_path: Path) -> None:
    with ExitStack() as started:
        cluster = started.enter_context(cluster_of(1))
        cluster.be_synchronous()
        primary = urlsplit(cluster.primary.app_url)
        link = started.enter_context(link_to("127.0.0.1", primary.port or 0))
        moves = how == "moved behind its name"
        url = through(cluster.primary.app_url if moves else cluster.app_url("feature_api"), link)
        production = started.enter_context(production_on(cluster, servers, tmp_path, url))
        loads = [Load(started.enter_context(production.serving())) for _ in range(2)]
        for load in loads:
            soon(partial(healthy, load.server, "ok"))
        begun = [psutil.Process(load.server.pid).create_time() for load in loads]
        stop, threads = threading.Event(), list[threading.Thread]()
        for load in loads * WRITERS:
            threads.append(threading.Thread(target=load.work, args=(stop,)))
            threads[-1].start()
            started.callback(threads[-1].join)
        started.callback(stop.set)

        grown(loads, ENOUGH)
        for load in loads:
            soon(partial(replica_is_read, load.server))
        hold_back(cluster.replicas[0])  # from here on whoever read there would miss what they wrote
        grown(loads, BEHIND)
        let_go(cluster.replicas[0])
        with ExitStack() as fault:
            if how == "killed":
                cluster.primary.kill()
            elif not moves:  # else it goes on, and nobody tells those whose connections lead there
                fault.enter_context(link.spoiled(Fault(mute=True)))
            promote(cluster.replicas[0])
            if moves:
                link.move("127.0.0.1", urlsplit(cluster.replicas[0].app_url).port or 0)
            grown(loads, ENOUGH)
            for load in loads:  # what was its replica is the primary itself now: it is no longer read as one
                soon(partial(healthy, load.server, "degraded", replicas="failed"))
            stop.set()
            for thread in threads:
                thread.join()

        assert [psutil.Process(load.server.pid).create_time() for load in loads] == begun
        for load in loads:
            assert set(load.refused) <= {"UNAVAILABLE"} and load.missed == []
            assert load.longest < DEADLINE + SLACK
        acknowledged = [name for load in loads for name in load.acknowledged]
        asyncio.run(assert_kept(cluster.replicas[0].owner_url, production.environment, acknowledged))


def healthy(server: Serving, status: str, **checks: str) -> bool:
    found: dict[str, Any] = httpx.get(f"{server.url}/health", timeout=60, verify=PLAIN).json()
    return bool(found["status"] == status and checks.items() <= found["checks"].items())


def replica_is_read(server: Serving) -> bool:
    """By somebody who wrote nothing."""
    assert "errors" not in server.ask("{ features(first: 1) { totalCount } }", "viewer").json()
    text = httpx.get(f"{server.url}/metrics", timeout=60, verify=PLAIN).text
    return any(
        line.startswith('feature_api_reads_total{server="replica_1"}') and float(line.split()[-1]) > 0
        for line in text.splitlines()
    )


def grown(loads: list[Load], number: int) -> None:
    before = [len(load.acknowledged) for load in loads]
    soon(lambda: all(len(load.acknowledged) >= was + number for load, was in zip(loads, before, strict=True)))


async def assert_kept(url: str, environment: Mapping[str, str], acknowledged: list[str]) -> None:
    owner = await asyncpg.connect(url)
    try:
        kept = Counter(row[0] for row in await owner.fetch("SELECT name FROM features"))
        assert [name for name in acknowledged if kept[name] != 1] == []
        await assert_told(owner, environment["REDIS_URL"], environment["EVENT_STREAM"])
    finally:
        await owner.close()
