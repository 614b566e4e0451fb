"""Every fault of the net between a server and a replica: reads go on from the primary, nobody waits long, health says
so, and all is well afterwards (R64)."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.auth.keys import development_keys
from app.auth.tokens import Tokens
from app.db.reads import ELSEWHERE
from tests.fixtures.cluster import Cluster, cluster_of, people_of
from tests.fixtures.embedded import ask as ask_database
from tests.fixtures.fault_proxy import FAULTS, Link, link_to
from tests.fixtures.production import PLAIN, Production, Serving
from tests.fixtures.servers import Servers
from tests.fixtures.waiting import soon
from tests.fixtures.world import CREATE

POOL = 4
SLACK = 6.0  # seconds that a busy machine may take beside
READ = "{ features(first: 5) { totalCount nodes { name owner { name } } } }"
AWAY = ("2 s late", "black hole", "reset", "refused")  # as far as the watch is concerned, for as long as they last


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with cluster_of(1) as made:
        yield made


@pytest.fixture(scope="module")
def link(cluster: Cluster) -> Iterator[Link]:
    with link_to("127.0.0.1", urlsplit(cluster.replicas[0].app_url).port or 0) as made:
        yield made


@pytest.fixture(scope="module")
def server(
    cluster: Cluster, link: Link, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("replica_faults")
    parts = urlsplit(cluster.replicas[0].app_url)
    user = parts.netloc.rpartition("@")[0]
    environment = {
        **os.environ,
        "ENVIRONMENT": "production",
        "DATABASE_URL": cluster.primary.app_url,
        "DATABASE_REPLICA_URLS": parts._replace(netloc=f"{user}@127.0.0.1:{link.port}").geturl(),
        "DATABASE_POOL_SIZE": str(POOL),
        "DATABASE_STATEMENT_TIMEOUT": "1",
        "DATABASE_BREAKER_PAUSE": "0.5",
        "REDIS_URL": servers.redis_url,
        "JWT_KEYS_FILE": str(folder / "keys.json"),
        "DATA_DIR": str(folder),
        "ACTIVE_FEATURE_LIMIT": "1000000",
        "USER_POINTS": "1000000000",
        "USER_REQUESTS": "1000000000",
        "REST_GET_LIMIT": "1000000000",
        "LOG_FORMAT": "json",
    }
    users = asyncio.run(people_of(cluster))
    tokens = Tokens(development_keys(folder / "keys.json"), "feature-api", "feature-api")
    with Production(environment, cluster.primary.owner_url, users, tokens).serving() as serving:
        for number in range(5):
            made = serving.ask(CREATE, "user", variables={"input": {"name": f"known {number}"}})
            assert made.json()["data"]["createFeature"]["userErrors"] == []
        yield serving


def read(server: Serving) -> httpx.Response:
    """As somebody who wrote nothing."""
    return server.ask(READ, "viewer")


def read_by_rest(server: Serving) -> httpx.Response:
    headers = {"authorization": f"Bearer {server.production.token('viewer')}"}
    return httpx.get(f"{server.url}/api/v2/features?first=5", headers=headers, timeout=60, verify=PLAIN)


def write_and_read(server: Serving) -> httpx.Response:
    name = uuid4().hex
    made = server.ask(CREATE, "user", variables={"input": {"name": name}}).json()
    assert made["data"]["createFeature"]["userErrors"] == []
    query = "query($q: String!) { features(filter: { search: $q }) { nodes { name } } }"
    found = server.ask(query, "user", variables={"q": name})
    assert found.json() == {"data": {"features": {"nodes": [{"name": name}]}}}
    return found


ACTS: list[Callable[[Serving], httpx.Response]] = [read, read_by_rest, read, write_and_read, read, read_by_rest]


@pytest.mark.parametrize("name", FAULTS)
def test_fault_of_a_replica_is_seen_by_no_caller(server: Serving, cluster: Cluster, link: Link, name: str) -> None:
    soon(lambda: health(server) == ("ok", "ok"))
    warm(server)

    def timed(act: Callable[[Serving], httpx.Response]) -> tuple[httpx.Response, float]:
        started = time.monotonic()
        return act(server), time.monotonic() - started

    with link.spoiled(FAULTS[name]), ThreadPoolExecutor(len(ACTS)) as threads:
        for _ in range(3):
            for answer, seconds in threads.map(timed, ACTS):
                assert answer.status_code == 200 and "errors" not in answer.json(), answer.text
                assert seconds < ELSEWHERE + SLACK
        ready = httpx.get(f"{server.url}/health/ready", timeout=60, verify=PLAIN)
        assert ready.status_code == 200
        if name in AWAY:
            soon(lambda: health(server) == ("degraded", "failed"))
            before = reads(server)["replica_1"]
            assert "errors" not in read(server).json()
            assert reads(server)["replica_1"] == before
            # Who reads may find out before who watches, and then it lags by nothing yet.
            soon(lambda: gauge(server, "feature_api_replica_lag_seconds", server="replica_1") > 0)
            assert gauge(server, "feature_api_replica_usable", server="replica_1") == 0
        if name == "100 ms late":
            assert health(server) == ("ok", "ok")
        if name == "half-open":  # what is dead is found out, and replaced while the fault lasts
            soon(lambda: health(server) == ("ok", "ok"))

    soon(lambda: health(server) == ("ok", "ok"))
    before = reads(server)["replica_1"]
    soon(lambda: "errors" not in read(server).json() and reads(server)["replica_1"] > before)
    soon(lambda: gauge(server, "database_connections", pool="replica_1", state="lent") == 0)
    assert gauge(server, "database_connections", pool="replica_1", state="open") <= POOL
    soon(lambda: gauge(server, "feature_api_replica_lag_seconds", server="replica_1") == 0)
    soon(lambda: sessions(cluster) <= POOL + 1)  # and the watch


def warm(server: Serving) -> None:
    """The server knows who asks, connections to the replica are open, and know the statements: over a slow link the
    text of one takes longer than the statement may."""
    with ThreadPoolExecutor(POOL) as threads:
        for answer in threads.map(lambda act: act(server), [read, read_by_rest] * POOL * 8):
            assert answer.status_code == 200 and "errors" not in answer.json()


def health(server: Serving) -> tuple[str, str]:
    """Of the server, and of its replicas."""
    found = httpx.get(f"{server.url}/health", timeout=60, verify=PLAIN).json()
    return found["status"], found["checks"]["replicas"]


def samples(server: Serving, name: str) -> list[tuple[dict[str, str], float]]:
    text = httpx.get(f"{server.url}/metrics", timeout=60, verify=PLAIN).text
    families = text_string_to_metric_families(text)
    return [(sample.labels, sample.value) for family in families for sample in family.samples if sample.name == name]


def gauge(server: Serving, name: str, /, **labels: str) -> float:
    [found] = [value for given, value in samples(server, name) if labels.items() <= given.items()]
    return found


def reads(server: Serving) -> dict[str, float]:
    return {labels["server"]: value for labels, value in samples(server, "feature_api_reads_total")}


def sessions(cluster: Cluster) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'feature-api'"
    found = ask_database(cluster.replicas[0].superuser_url, query)
    assert isinstance(found, int)
    return found
