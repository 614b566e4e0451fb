"""From the first administrator to the logout, against the server as a process, and what no log holds (R20, R63)."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.fixtures.database import drop, execute, in_database
from tests.fixtures.server import PLAIN, ROOT, free_port, wait_until_ready
from tests.fixtures.servers import Servers

ADMIN, PASSWORD, NEW_PASSWORD = "grace@example.com", "nine-hundred-harvest-moons", "a-thousand-harvest-moons"


@dataclass(frozen=True)
class Site:
    url: str
    environment: dict[str, str]
    log: Path

    def user(self, *arguments: str, password: str = "") -> "subprocess.CompletedProcess[str]":
        """`feature-api user …`."""
        command = [sys.executable, "-m", "app", "user", *arguments]
        return subprocess.run(
            command,
            env=self.environment,
            cwd=ROOT,
            input=password,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def refusal(self, *arguments: str, password: str = "") -> str:
        found = self.user(*arguments, password=password)
        assert (found.returncode, found.stdout) == (1, ""), found.stderr
        [line] = found.stderr.splitlines()
        return line

    def post(self, act: str, token: str | None = None, **body: str) -> httpx.Response:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.post(f"{self.url}/auth/{act}", json=body, headers=headers, timeout=60, verify=PLAIN)

    def login(self, email: str = ADMIN, password: str = PASSWORD) -> dict[str, Any]:
        response = self.post("login", email=email, password=password)
        assert response.status_code == 200, response.text
        tokens: dict[str, Any] = response.json()
        return tokens

    def name(self, token: str) -> tuple[int, str | None]:
        headers = {"authorization": f"Bearer {token}", "accept": "application/graphql-response+json"}
        response = httpx.post(
            f"{self.url}/graphql", json={"query": "{ viewer { name } }"}, headers=headers, timeout=60, verify=PLAIN
        )
        return response.status_code, response.json().get("data", {"viewer": {"name": None}})["viewer"]["name"]


@pytest.fixture(scope="module")
def site(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    name, port, folder = f"site_{uuid4().hex}", free_port(), tmp_path_factory.mktemp("site")
    execute(servers.owner_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    environment = {
        **os.environ,
        "ENVIRONMENT": "development",
        "DATABASE_URL": in_database(servers.app_url, name),  # all of it works as the application's role
        "REDIS_URL": servers.redis_url,
        "DATA_DIR": str(folder),
        "PORT": str(port),
        "ACTOR_TTL": "0.001",
        "LOG_LEVEL": "debug",
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"], env=environment, cwd=ROOT, text=True, stderr=log
        )
        try:
            made = Site(f"http://127.0.0.1:{port}", environment, folder / "log")
            wait_until_ready(made.url, process)
            created = made.user(
                "create", "--email", ADMIN, "--name", "Grace", "--role", "ADMIN", "--password-stdin", password=PASSWORD
            )
            assert created.returncode == 0, created.stderr
            assert (created.stdout, created.stderr) == ("", f"{ADMIN} can log in, as ADMIN.\n")
            yield made
        finally:
            process.terminate()
            process.wait(120)
            drop(servers, name)


def test_first_administrator_logs_in_asks_refreshes_and_logs_out_and_the_log_holds_no_secret(site: Site) -> None:
    first = site.login()
    assert site.name(first["access_token"]) == (200, "Grace")
    second = site.post("refresh", refresh_token=first["refresh_token"]).json()
    assert site.name(second["access_token"]) == (200, "Grace")
    bearer = {"authorization": f"Bearer {second['access_token']}"}
    [session] = httpx.get(f"{site.url}/auth/sessions", headers=bearer, timeout=60, verify=PLAIN).json()["sessions"]
    assert session["current"] is True
    assert site.post("login", email=ADMIN, password="wrong " + PASSWORD).status_code == 401
    assert site.post("login", email=ADMIN, password=PASSWORD, otp="1").status_code == 400
    assert site.post("refresh", refresh_token="x" + second["refresh_token"]).status_code == 401
    assert (
        httpx.delete(f"{site.url}/auth/sessions/{uuid4()}", headers=bearer, timeout=60, verify=PLAIN).status_code == 404
    )
    assert site.post("logout", refresh_token=second["refresh_token"]).status_code == 204
    assert site.name(second["access_token"])[0] == 401
    assert site.post("refresh", refresh_token=second["refresh_token"]).status_code == 401

    log, metrics = site.log.read_text(), httpx.get(f"{site.url}/metrics", timeout=60, verify=PLAIN).text
    for kind in ("LOGIN_SUCCEEDED", "LOGIN_FAILED", "SESSION_REVOKED"):
        assert kind in log
    for tokens in (first, second):
        for secret in (PASSWORD, ADMIN, tokens["refresh_token"], *tokens["access_token"].split(".")[1:]):
            assert secret not in log and secret not in metrics
    for route in ("/auth/login", "/auth/refresh", "/auth/logout", "/auth/sessions", "/auth/sessions/{id}"):
        assert f'route="{route}"' in metrics
    assert metrics.count("/auth/sessions/") == metrics.count("/auth/sessions/{id}")  # never an id


def test_fifty_refreshes_at_once_over_connections_of_their_own_leave_one_session_alive(site: Site) -> None:
    tokens = site.login()
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda _: site.post("refresh", refresh_token=tokens["refresh_token"]), range(50)))
    assert {answer.status_code for answer in answers} == {200}
    [successor] = {answer.json()["refresh_token"] for answer in answers}
    assert site.post("refresh", refresh_token=successor).status_code == 200


def test_users_are_made_and_changed_at_the_command_line(site: Site) -> None:
    create = ("create", "--email", "Alan@Example.com", "--name", "Alan", "--password-stdin")
    assert site.user(*create, password=PASSWORD + "\r\n").returncode == 0  # USER unless told otherwise
    tokens = site.login("alan@example.com")
    changed = site.user("set-password", "--email", "alan@example.com", "--password-stdin", password=NEW_PASSWORD)
    assert changed.stderr == "alan@example.com has a new password, and is logged out everywhere.\n"
    assert site.name(tokens["access_token"])[0] == 401
    assert site.post("login", email="alan@example.com", password=PASSWORD).status_code == 401
    site.login("alan@example.com", NEW_PASSWORD)
    assert site.user("disable", "--email", "alan@example.com").returncode == 0
    assert site.post("login", email="alan@example.com", password=NEW_PASSWORD).status_code == 401
    admin, alan = site.user("list").stdout.splitlines()
    assert admin == f"{ADMIN}\tADMIN\tGrace" and alan.startswith("alan@example.com\tUSER\tAlan\tdisabled since 20")


def test_what_cannot_be_done_at_the_command_line_is_one_line_without_the_password(site: Site) -> None:
    create = ("create", "--name", "Ada", "--password-stdin", "--email")
    taken, short = "correct horse battery", "short"
    assert site.refusal(*create, ADMIN.upper(), password=taken) == (
        f"feature-api: There is a user of email {ADMIN} already."
    )
    assert site.refusal(*create, "ada@example.com", password=short) == (
        "feature-api: The password must have at least 12 characters."
    )
    found = site.user("create", "--email", "ada@example.com", "--name", "Ada", "--password", PASSWORD)
    assert (found.returncode, "No such option" in found.stderr) == (2, True)  # arguments are seen by everybody


def test_two_users_whose_emails_differ_in_case_cannot_be(site: Site) -> None:
    async def plant() -> None:
        connection = await asyncpg.connect(site.environment["DATABASE_URL"])
        try:
            await connection.execute(
                "INSERT INTO users (id, name, email, role, created_at) "
                f"VALUES (gen_random_uuid(), 'x', '{ADMIN.title()}', 'ADMIN', now())"
            )
        finally:
            await connection.close()

    with pytest.raises(asyncpg.UniqueViolationError, match="users_email_unique_in_any_case"):
        asyncio.run(plant())
