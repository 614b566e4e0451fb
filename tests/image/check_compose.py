"""The guide from zero to running servers, line by line, in a clone of what is committed: `make compose-test`.

COMPOSE is the command (`docker compose`). COMPOSE_IMAGE names an image that is used instead of building one, for
machines that reach no registry. The project has a name of its own; port 8080 and the file's network must be free.
"""

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.server import PLAIN, ROOT

GUIDE = (ROOT / "docs" / "operations.md").read_text()
FIRST, THEN = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)[:2]
GATEWAY = "http://127.0.0.1:8080"
PASSWORD = "nine hundred harvest moons"
PATIENCE = 120.0  # seconds; a new key signs after a minute


@dataclass(frozen=True)
class Site:
    folder: Path

    def run(self, line: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        """A line of the guide; `docker compose` as COMPOSE has it, without a terminal."""
        line = line.replace("docker compose exec ", "docker compose exec -T ")
        line = line.replace("docker compose", os.environ.get("COMPOSE", "docker compose"))
        if "COMPOSE_IMAGE" in os.environ:
            line = line.replace(" --build", "")
        environment = {**os.environ, "COMPOSE_PROJECT_NAME": "feature-api-check"}
        return subprocess.run(
            ["sh", "-c", line],
            cwd=self.folder,
            env=environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    def done(self, line: str, given: str = "") -> str:
        found = self.run(line, given)
        assert found.returncode == 0, f"{line}\n{found.stdout}{found.stderr}"
        return found.stdout

    def containers(self) -> list[dict[str, Any]]:
        text = self.done("docker compose ps --all --format json")
        return [json.loads(line) for line in text.splitlines()]


def commands(block: str) -> list[str]:
    """Without comments; a line that goes on is one."""
    return [re.split(r"\s+# ", line)[0].rstrip() for line in block.replace("\\\n", " ").splitlines()]


def eventually(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(2)  # logins are counted: not more than LOGIN_ATTEMPTS_PER_ADDRESS a minute


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site") / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    found = Site(folder)
    if image := os.environ.get("COMPOSE_IMAGE"):
        file = folder / "docker-compose.yml"
        file.write_text(file.read_text().replace("image: feature-api:local\n  build: .\n", f"image: {image}\n"))
    make, up, rotate, create, _ = commands(FIRST)
    found.done(make)
    try:
        found.done(up)
        found.done(rotate)
        assert "can log in, as ADMIN" in found.run(f"{create} --password-stdin", PASSWORD).stderr
        yield found
    finally:
        found.done("docker compose down --volumes")


def test_all_are_well_and_the_migration_is_done(site: Site) -> None:
    found = {one["Name"]: (one["State"], one["Health"], one["ExitCode"]) for one in site.containers()}
    assert {name.removeprefix("feature-api-check-"): state for name, state in found.items()} == {
        "postgres-1": ("running", "healthy", 0),
        "valkey-1": ("running", "healthy", 0),
        "migrate-1": ("exited", "", 0),
        "api-1": ("running", "healthy", 0),
        "api-2": ("running", "healthy", 0),
        "gateway-1": ("running", "", 0),
    }
    assert site.done("docker compose exec api feature-api-alive; echo $?") == "0\n"


def test_guest_is_answered_and_metrics_stay_inside(site: Site) -> None:
    assert site.done(commands(FIRST)[-1]) == '{"data":{"viewer":null}}'
    assert httpx.get(f"{GATEWAY}/metrics", timeout=60, verify=PLAIN).status_code == 404
    assert '"status":"ok"' in site.done("docker compose exec gateway curl -s http://api:8000/health")


def test_who_was_created_logs_in_and_is_somebody(site: Site) -> None:
    login, ask = commands(THEN)
    login = login.replace('"…"', json.dumps(PASSWORD))
    answers: list[dict[str, Any]] = [{}]

    def logged_in() -> bool:
        answers[0] = json.loads(site.done(login))
        return "access_token" in answers[0]

    eventually(logged_in)
    assert (
        site.done(ask.replace("THE access_token", answers[0]["access_token"])) == '{"data":{"viewer":{"name":"You"}}}'
    )


def test_migration_that_fails_leaves_the_servers(site: Site) -> None:
    before = {one["ID"] for one in site.containers() if one["Service"] == "api"}
    (line,) = re.findall(r"`git pull && docker compose build && (docker compose run --rm migrate) && ", GUIDE)
    nowhere = shlex.quote("DATABASE_OWNER_URL=postgresql://nobody:x@postgres/nowhere")
    assert site.run(line.replace("--rm", f"--rm --env {nowhere}")).returncode != 0
    assert {one["ID"] for one in site.containers() if one["State"] == "running" and one["Service"] == "api"} == before
    site.done(line)


def test_more_servers_are_found_by_nginx(site: Site) -> None:
    site.done("docker compose up --scale api=3 --wait")
    counted = (
        'docker compose exec --index 3 api python -c "import urllib.request as u; '
        "print(sum('graphql' in l for l in u.urlopen('http://127.0.0.1:8000/metrics').read().decode().splitlines()"
        " if l.startswith('http_requests_total')))\""
    )

    def served() -> bool:
        for _ in range(20):
            assert (
                httpx.post(f"{GATEWAY}/graphql", json={"query": "{ __typename }"}, timeout=60, verify=PLAIN).status_code
                == 200
            )
        return site.done(counted).strip() != "0"

    eventually(served)


def test_stop_is_orderly_and_what_was_written_is_kept(site: Site) -> None:
    site.done("docker compose stop")
    ended = {one["Service"]: one["ExitCode"] for one in site.containers()}
    assert ended == {"postgres": 0, "valkey": 0, "migrate": 0, "api": 0, "gateway": 0}
    site.done("docker compose down")
    site.done("docker compose up --wait")
    assert site.done("docker compose exec api feature-api user list") == "you@example.com\tADMIN\tYou\n"
