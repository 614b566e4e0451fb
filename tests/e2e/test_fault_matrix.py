"""Every fault of the net between a server and its stores: what callers see, how long they wait, and that all is well
afterwards (R64). The faults are real, on TCP; the times are the server's, set short; bounds of waits are generous."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.kernel.clock import new_id, utc_now
from app.kernel.ids import UserId
from tests.fixtures.embedded import ask as ask_database
from tests.fixtures.events import assert_told
from tests.fixtures.fault_proxy import FAULTS, Link, link_to
from tests.fixtures.faults import READ
from tests.fixtures.production import PLAIN, Production, Serving
from tests.fixtures.servers import Servers
from tests.fixtures.waiting import soon
from tests.fixtures.world import CREATE, add_people

POOL = 4
STREAM = f"feature-api:events:{uuid4().hex}"
ACQUIRE, CONNECT, STATEMENT = 1.0, 2.0, 1.0
SILENCE, PARTING = 1.0, 2.0  # seconds that a statement may be silent beyond its time, and that a connection parts in
DEADLINE = ACQUIRE + CONNECT + STATEMENT + SILENCE + PARTING  # until a caller knows that the database is away
SLACK = 6.0  # seconds that a busy machine may take beside
POINTS = 10_000  # a minute
DEAR = "".join(["{", *(f" {alias}: features(first: 100) {{ nodes {{ id }} }}" for alias in "abc"), "}"])

type Outcome = Literal["done", "unavailable"]


@dataclass(frozen=True)
class Links:
    database: Link
    redis: Link


@pytest.fixture(scope="module")
def links(servers: Servers) -> Iterator[Links]:
    with link_to(*_address(servers.app_url)) as database, link_to(*_address(servers.redis_url)) as redis:
        yield Links(database, redis)


@pytest.fixture(scope="module")
def server(production: Production, links: Links) -> Iterator[Serving]:
    with production.serving(
        DATABASE_URL=_through(links.database, production.environment["DATABASE_URL"]),
        REDIS_URL=_through(links.redis, production.environment["REDIS_URL"]),
        DATABASE_POOL_SIZE=str(POOL),
        DATABASE_ACQUIRE_TIMEOUT=str(ACQUIRE),
        DATABASE_CONNECT_TIMEOUT=str(CONNECT),
        DATABASE_STATEMENT_TIMEOUT=str(STATEMENT),
        ACTOR_TTL="30",
        EVENT_STREAM=STREAM,
        USER_POINTS=str(POINTS),
        REST_POST_LIMIT="1000000",
    ) as serving:
        yield serving


@dataclass(frozen=True)
class Person:
    """Somebody with limits of his own."""

    server: Serving
    id: UserId

    def headers(self, **more: str) -> dict[str, str]:
        token = self.server.production.tokens.mint(self.id, utc_now(), timedelta(hours=1))
        accept = "application/graphql-response+json, application/json"
        return {"authorization": f"Bearer {token}", "accept": accept, **more}

    def ask(self, query: str, key: str | None = None, **variables: object) -> httpx.Response:
        headers = self.headers(**({"idempotency-key": key} if key else {}))
        return self.post("/graphql", {"query": query, "variables": variables}, headers)

    def create(self, name: str) -> httpx.Response:
        return self.post("/api/v2/features", {"name": name}, self.headers())

    def post(self, path: str, body: object, headers: Mapping[str, str]) -> httpx.Response:
        return httpx.post(f"{self.server.url}{path}", json=body, headers=headers, timeout=60, verify=PLAIN)


@pytest.fixture
def person(server: Serving) -> Person:
    async def added() -> UserId:
        owner = await asyncpg.connect(server.production.owner_url)
        try:
            name = uuid4().hex
            return (await add_people(owner, [(name, "USER")]))[name]
        finally:
            await owner.close()

    return Person(server, asyncio.run(added()))


def outcome_of(answer: httpx.Response) -> Outcome:
    """Done, or unavailable in due form: nothing else is an answer while the database is away."""
    body: dict[str, Any] = answer.json()
    if answer.status_code == 503:
        code = body["code"] if "code" in body else body["errors"][0]["extensions"]["code"]
        assert code == "UNAVAILABLE" and int(answer.headers["retry-after"]) >= 1
        return "unavailable"
    if "errors" in body and answer.status_code == 200:  # who asks is remembered, so the operation was run
        for error in body["errors"]:
            assert error["extensions"]["code"] == "UNAVAILABLE" and error["extensions"]["retryAfter"] >= 1
        return "unavailable"
    assert answer.status_code in (200, 201, 401), answer.text
    return "done"


def timed(act: Callable[[], httpx.Response]) -> tuple[httpx.Response, float]:
    started = time.monotonic()
    return act(), time.monotonic() - started


def get(server: Serving, path: str) -> httpx.Response:
    return httpx.get(f"{server.url}{path}", timeout=60, verify=PLAIN)


def gauge(server: Serving, name: str, **labels: str) -> float:
    families = text_string_to_metric_families(get(server, "/metrics").text)
    [found] = [s.value for f in families for s in f.samples if s.name == name and labels.items() <= s.labels.items()]
    return found


def features_named(server: Serving, name: str) -> int:
    found = ask_database(server.production.owner_url, f"SELECT count(*) FROM features WHERE name = '{name}'")
    assert isinstance(found, int)
    return found


def sessions(server: Serving) -> int:
    query = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'feature-api'"""
    found = ask_database(server.production.owner_url, query)
    assert isinstance(found, int)
    return found


AWAY = ("black hole", "reset", "refused")


@pytest.mark.parametrize("name", FAULTS)
def test_fault_of_the_database(server: Serving, links: Links, person: Person, name: str) -> None:
    warm(person)
    key, keyed, plain = uuid4().hex, f"keyed {uuid4().hex}", f"plain {uuid4().hex}"
    stranger = Person(server, UserId(new_id()))  # who that is, only the database knows
    acts: list[Callable[[], httpx.Response]] = [
        lambda: person.ask(READ),
        lambda: stranger.ask("{ viewer { name } }"),
        lambda: person.create(plain),
        lambda: person.ask(CREATE, key, input={"name": keyed}),
    ]
    with links.database.spoiled(FAULTS[name]), ThreadPoolExecutor(len(acts) + 1) as threads:
        ready = threads.submit(get, server, "/health/ready")
        answers = list(threads.map(timed, acts))
        outcomes = [outcome_of(answer) for answer, _ in answers]
        assert max(seconds for _, seconds in answers) < DEADLINE + SLACK
        assert get(server, "/health/live").status_code == 200
        if name in AWAY:
            assert set(outcomes) == {"unavailable"}
            assert ready.result().status_code == 503
            assert ready.result().json()["checks"] == {"database": "failed", "migrations": "failed", "redis": "ok"}
        if name == "100 ms late":
            assert set(outcomes) == {"done"} and ready.result().status_code == 200
        if name == "half-open":  # what is dead is found out, and replaced while the fault lasts
            soon(lambda: outcome_of(person.ask(READ)) == "done")
    if outcomes[2] == "done":
        assert features_named(server, plain) == 1

    soon(lambda: get(server, "/health/ready").json()["status"] == "ok")
    soon(lambda: outcome_of(person.ask(READ)) == "done")
    soon(
        lambda: person.ask(CREATE, key, input={"name": keyed}).status_code == 200 and features_named(server, keyed) == 1
    )
    soon(lambda: outcome_of(stranger.ask("{ viewer { name } }")) == "done")
    assert features_named(server, plain) <= 1
    soon(lambda: gauge(server, "database_connections", state="lent") == 0)
    assert gauge(server, "database_connections", state="open") <= POOL
    soon(lambda: sessions(server) <= POOL)
    asyncio.run(_assert_sound(server))


def warm(person: Person) -> None:
    """All connections of the pool are open, and the server knows who asks."""
    with ThreadPoolExecutor(POOL) as threads:
        soon(lambda: {outcome_of(answer) for answer in threads.map(person.ask, [READ] * POOL)} == {"done"})


@pytest.mark.parametrize("name", FAULTS)
def test_fault_of_redis_is_never_a_5xx_and_limits_hold(
    server: Serving, links: Links, person: Person, name: str
) -> None:
    soon(lambda: get(server, "/health/ready").json()["checks"]["redis"] == "ok" and shared(server))
    started = time.monotonic()
    first = person.ask(DEAR)
    assert first.status_code == 200
    cost = POINTS - int(first.headers["ratelimit"].split("r=")[1].split(";")[0])
    times = 3 * POINTS // cost
    with links.redis.spoiled(FAULTS[name]), ThreadPoolExecutor(8) as threads:
        ready = threads.submit(get, server, "/health/ready")
        unknown = threads.submit(timed, lambda: registered(person, f"{{ viewer {{ id }} }} # {uuid4()}"))
        answers = list(threads.map(lambda _: timed(lambda: person.ask(DEAR)), range(times)))
        statuses = Counter(answer.status_code for answer, _ in answers)
        assert statuses.keys() == {200, 429}
        refilled = POINTS * (time.monotonic() - started) / 60 + cost
        assert statuses[200] * cost <= 2 * POINTS + refilled  # one process: its own bucket beside the shared one
        assert max(seconds for _, seconds in answers) < SLACK
        answer, seconds = unknown.result()
        assert answer.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
        assert answer.status_code < 500 and seconds < SLACK
        assert ready.result().status_code == 200
        if name in AWAY:
            assert ready.result().json() == {
                "status": "degraded",
                "checks": {"database": "ok", "migrations": "ok", "redis": "failed"},
            }
            soon(lambda: not shared(server))
    soon(lambda: get(server, "/health/ready").json()["status"] == "ok" and shared(server))


def shared(server: Serving) -> bool:
    """Do the limits of all processes count together?"""
    return gauge(server, "feature_api_rate_limit_backend", backend="redis") == 1


def registered(person: Person, document: str) -> httpx.Response:
    """Asks for a document that no process knows, by its hash."""
    persisted = {"version": 1, "sha256Hash": sha256(document.encode()).hexdigest()}
    return person.post("/graphql", {"extensions": {"persistedQuery": persisted}}, person.headers())


async def _assert_sound(server: Serving) -> None:
    owner = await asyncpg.connect(server.production.owner_url)
    try:
        await assert_told(owner, server.production.environment["REDIS_URL"], STREAM)
    finally:
        await owner.close()


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    return parts.hostname, parts.port


def _through(link: Link, url: str) -> str:
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{link.port}" if user else f"127.0.0.1:{link.port}"))
