"""Rate limits of several processes under load, and what becomes of them when Redis goes away (R26, R64)."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import httpx
import pytest

from app.embedded.valkey import Valkey
from tests.fixtures.embedded import running
from tests.fixtures.production import PLAIN, Production, Serving
from tests.fixtures.waiting import soon

COST = 2
LIMIT = 200  # points a minute
PATIENT = {"RATE_LIMIT_TIMEOUT": "1"}  # what a busy machine takes for an answer is no outage
PROXIES = "127.0.0.0/8"


@contextmanager
def two(production: Production, valkey: Valkey) -> Iterator[list[Serving]]:
    settings = {"REDIS_URL": valkey.url, "USER_POINTS": str(LIMIT), "GUEST_POINTS": str(LIMIT), **PATIENT}
    with production.serving(**settings) as one, production.serving(**settings) as other:
        yield [one, other]


def load(servers: list[Serving], who: str, times: int) -> Counter[int]:
    """Statuses of so many requests to each server, from four clients."""

    def ask(server: Serving) -> Counter[int]:
        headers = {"authorization": f"Bearer {server.production.token(who)}"} if who != "guest" else {}
        with httpx.Client(headers=headers, timeout=30, verify=PLAIN) as client:
            body = {"query": "{ viewer { name } }"}
            return Counter(client.post(f"{server.url}/graphql", json=body).status_code for _ in range(times // 2))

    with ThreadPoolExecutor(4) as threads:
        return sum(threads.map(ask, servers * 2), Counter())


def backend(server: Serving) -> str:
    metrics = httpx.get(f"{server.url}/metrics", verify=PLAIN).text
    [line] = [
        line for line in metrics.splitlines() if line.startswith("feature_api_rate_limit_backend{") and "1.0" in line
    ]
    return line.split('"')[1]


def refilled(since: float) -> float:
    return LIMIT * (monotonic() - since) / 60 + COST


def test_two_processes_under_load_grant_what_one_bucket_holds(production: Production, valkey: Valkey) -> None:
    with two(production, valkey) as servers:
        for who in ("viewer", "guest"):
            start = monotonic()
            found = load(servers, who, 160)
            assert set(found) == {200, 429}
            assert LIMIT * 0.9 <= found[200] * COST <= LIMIT + refilled(start)


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_redis_goes_away_under_load_and_comes_back(
    production: Production, valkey: Valkey, folder: Path, how: str
) -> None:
    [pid] = running("valkey-server", folder)
    with two(production, valkey) as servers, ThreadPoolExecutor(1) as background:
        start = monotonic()
        under_way = background.submit(load, servers, "user", 300)
        soon(lambda: any("429" in httpx.get(f"{server.url}/metrics", verify=PLAIN).text for server in servers))
        if how == "killed":
            valkey.kill()
        else:
            os.kill(pid, signal.SIGSTOP)
        try:
            found = under_way.result()
            found += load(servers, "user", 150)
            soon(lambda: load(servers, "manager", 4).keys() == {200} and {*map(backend, servers)} == {"local"})
        finally:
            if how == "killed":
                valkey.start()
            else:
                os.kill(pid, signal.SIGCONT)
        soon(lambda: {*map(backend, servers)} == {"redis"})
        found += load(servers, "user", 150)
        assert set(found) == {200, 429}
        assert found[200] * COST <= 2 * LIMIT + 2 * refilled(start)
        start = monotonic()
        again = load(servers, "other", 160)
        assert set(again) == {200, 429}
        assert again[200] * COST <= LIMIT + refilled(start)


def test_a_stranger_cannot_make_himself_another_by_a_header(production: Production, valkey: Valkey) -> None:
    """Behind a trusted proxy each client has points of its own; a spoofed address in front of it changes nothing."""
    with production.serving(REDIS_URL=valkey.url, GUEST_POINTS="4", TRUSTED_PROXIES=PROXIES, **PATIENT) as trusting:

        def ask(server: Serving, address: str) -> int:
            return server.ask("{ viewer { name } }", headers={"x-forwarded-for": address}).status_code

        assert [ask(trusting, "192.0.2.1") for _ in range(3)] == [200, 200, 429]
        assert ask(trusting, "192.0.2.9, 192.0.2.1") == 429
        assert ask(trusting, "192.0.2.9") == 200
        assert [ask(trusting, f"2001:db8::{n}") for n in range(3)] == [200, 200, 429]  # one network, one guest
    with production.serving(REDIS_URL=valkey.url, GUEST_POINTS="4", **PATIENT) as wary:
        assert [ask(wary, f"192.0.2.{n}") for n in range(3)] == [200, 200, 429]
