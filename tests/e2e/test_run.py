"""`feature-api run`: one command brings everything up, and everything down again, whatever happened in between."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.running import Home, Run, fresh_home, running
from tests.fixtures.server import PLAIN
from tests.fixtures.waiting import soon

PAGE = """query($after: String) { features(first: 100, after: $after) {
  totalCount nodes { id owner { name role } } pageInfo { hasNextPage endCursor } } }"""
ROLES = ["admin", "manager", "user", "viewer"]


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """Started by the first test, and as each test leaves it for those that follow."""
    with fresh_home() as made:
        yield made


def ask(run: Run, home: Home, query: str, role: str = "admin", **variables: object) -> Any:
    headers = {"authorization": f"Bearer {run.tokens[role]}"}
    body = {"query": query, "variables": variables}
    answer = httpx.post(f"{home.url}/graphql", json=body, headers=headers, timeout=30, verify=PLAIN).json()
    assert "errors" not in answer, answer
    return answer["data"]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def assert_nothing_runs(home: Home) -> None:
    soon(lambda: not home.processes())
    assert not listens(home.port)
    assert not (home.folder / "urls.json").exists()


def all_features(run: Run, home: Home) -> list[dict[str, Any]]:
    """By pages of a hundred."""
    found: list[dict[str, Any]] = []
    after, more = None, True
    while more:
        page = ask(run, home, PAGE, after=after)["features"]
        assert page["totalCount"] > len(found)
        found += page["nodes"]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert len(found) == page["totalCount"]
    return found


def test_first_start_loads_the_catalogue_and_says_all_that_is_needed(home: Home) -> None:
    with running(home) as run:
        assert "Migrating the database" in run.words and "Loading the catalogue" in run.words
        assert f"GraphiQL: {home.url}/graphql#token={run.tokens['admin']}" in run.words
        assert list(run.tokens) == ROLES
        for role in ROLES:
            assert ask(run, home, "{ viewer { role } }", role)["viewer"] == {"role": role.upper()}

        answer = subprocess.run(["sh", "-c", run.curl], capture_output=True, text=True, check=True)
        features = json.loads(answer.stdout)["data"]["features"]
        assert len(features["nodes"]) == 3 and all(node["owner"]["name"] for node in features["nodes"])

        grids = ask(run, home, '{ features(filter: {search: "css grid"}) { nodes { name } } }')["features"]["nodes"]
        assert "Grid" in [node["name"] for node in grids]
        everything = all_features(run, home)
        assert len({node["id"] for node in everything}) == features["totalCount"] > 1000
        assert all(node["owner"]["name"] for node in everything)

        assert len(home.processes()) > 2 and listens(home.port)
        assert run.end(signal.SIGTERM) == 0
    assert_nothing_runs(home)


def test_warm_start_adds_nothing_and_other_commands_join_its_servers(home: Home) -> None:
    with running(home) as run:
        assert "Migrating" not in run.words and "Loading" not in run.words
        servers, before = home.processes(), ask(run, home, "{ features { totalCount } }")

        joined = home.feature_api("token", "--role", "viewer", "--expires", "1")
        assert (joined.returncode, joined.stderr) == (0, "")
        viewer = httpx.post(
            f"{home.url}/graphql",
            json={"query": "{ viewer { role } }"},
            headers={"authorization": f"Bearer {joined.stdout.strip()}"},
            timeout=60,
            verify=PLAIN,
        )
        assert viewer.json() == {"data": {"viewer": {"role": "VIEWER"}}}
        assert home.feature_api("migrate").returncode == 0
        seeded = home.feature_api("seed")
        assert seeded.returncode == 0
        assert "Added 0 users, 0 features, 0 audit entries." in seeded.stderr

        refused = home.refusal("run", PORT=str(Home(home.folder).port))
        assert refused.startswith(f"feature-api: {home.folder} is in use by process {run.process.pid}: stop that one")
        assert home.processes() == servers
        assert ask(run, home, "{ features { totalCount } }") == before
        assert run.end(signal.SIGINT) == 0
    assert "Traceback" not in run.words
    assert_nothing_runs(home)


def test_kill_loses_nothing_and_the_next_start_recovers(home: Home) -> None:
    create = 'mutation { createFeature(input: {name: "outlives a kill"}) { feature { id } userErrors { message } } }'
    with running(home) as run:
        made = ask(run, home, create, "manager")["createFeature"]
        assert made["userErrors"] == []
        token = run.tokens["admin"]
        assert run.end(signal.SIGKILL) == -signal.SIGKILL
    with running(home) as run:
        query = "query($id: ID!) { feature(id: $id) { name version auditEntries { totalCount } } }"
        found = ask(run, home, query, id=made["feature"]["id"])["feature"]
        assert found == {"name": "outlives a kill", "version": 1, "auditEntries": {"totalCount": 1}}
        headers = {"authorization": f"Bearer {token}"}  # the key is kept as well
        kept = httpx.post(
            f"{home.url}/graphql", json={"query": "{ viewer { role } }"}, headers=headers, timeout=60, verify=PLAIN
        )
        assert kept.json() == {"data": {"viewer": {"role": "ADMIN"}}}
        assert run.end(signal.SIGTERM) == 0
    assert_nothing_runs(home)


def test_commands_start_the_servers_and_stop_them_when_nothing_runs(home: Home) -> None:
    token = home.feature_api("token", "--role", "admin")
    assert (token.returncode, token.stdout.count("."), token.stderr) == (0, 2, "")
    assert home.feature_api("migrate").returncode == 0
    assert_nothing_runs(home)


def test_taken_port_is_one_line_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        home = Home(tmp_path / "data", other.getsockname()[1])
        line = home.refusal("run")
    assert line.startswith(f"feature-api: PORT: 127.0.0.1:{home.port} cannot be used (Address already in use).")
    assert f"PORT={home.port + 1} make run" in line
    assert not home.folder.exists() and home.processes() == set()


def test_data_of_another_postgresql_are_refused_and_kept(home: Home) -> None:
    version = (home.folder / "postgres" / "data").resolve() / "PG_VERSION"
    real = version.read_text()
    version.write_text("14\n")
    try:
        line = home.refusal("run")
    finally:
        version.write_text(real)
    assert line.startswith("feature-api: ") and "14" in line and real.strip() in line
    assert_nothing_runs(home)
