"""Logs of the server as a process: what each line holds, and what no line ever holds (R63)."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.fixtures.database import drop, execute, in_database
from tests.fixtures.server import ROOT, feature_api, free_port, wait_until_ready
from tests.fixtures.servers import Servers

USER = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PLANTED = """
from app.cli.main import main
from app.domain.feature.service import FeatureService

async def fail(self, ids, want):
    local = "kept-in-a-" + "local-variable"
    raise RuntimeError("planted")

FeatureService.get_many = fail
main()
"""
ID = "RmVhdHVyZTowMTg5MGE1ZC1hYzk2LTc3NGItYmNjZS1iMzAyMDk5YTgwNTc="


@dataclass(frozen=True)
class Observed:
    """What a server was sent, what it answered, and what it wrote."""

    token: str
    answers: dict[str, httpx.Response]
    text: str
    secrets: list[str]

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, request_id: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line.get("request_id") == request_id]


@pytest.fixture(scope="module")
def observed(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    name, port, folder = f"observed_{uuid4().hex}", free_port(), tmp_path_factory.mktemp("observed")
    execute(servers.owner_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    url, owner_url = in_database(servers.app_url, name), in_database(servers.owner_url, name)
    insert = "INSERT INTO users (created_at, id, name, email, role) VALUES"
    execute(owner_url, f"{insert} (now(), '{USER}', 'Ada', 'ada@example.com', 'ADMIN')")
    environment = {
        **os.environ,
        "ENVIRONMENT": "development",
        "DATABASE_URL": url,
        "DATABASE_OWNER_URL": owner_url,
        "REDIS_URL": servers.redis_url,
        "DATA_DIR": str(folder),
        "PORT": str(port),
    }
    token = feature_api(environment, "token", "--user", "ada@example.com").stdout.strip()
    with (folder / "log").open("w") as log:
        command = [sys.executable, "-c", PLANTED, "serve"]
        process = subprocess.Popen(command, env=environment, cwd=ROOT, text=True, stderr=log)
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", process)
            answers = _ask(f"http://127.0.0.1:{port}", token)
        finally:
            process.terminate()
            process.wait(120)
    passwords = [part.split("@")[0].rsplit(":", 1)[1] for part in (url, owner_url, servers.redis_url)]
    yield Observed(token, answers, (folder / "log").read_text(), [*passwords, url, owner_url, servers.redis_url])
    drop(servers, name)


def _ask(url: str, token: str) -> dict[str, httpx.Response]:
    bearer = {"authorization": f"Bearer {token}"}

    def post(query: str, id: str, headers: dict[str, str], **variables: object) -> httpx.Response:
        body = {"query": query, "variables": variables}
        return httpx.post(f"{url}/graphql?secret-in-the-address=1", json=body, headers={"x-request-id": id, **headers})

    create = "mutation Make($n: String!) { createFeature(input: {name: $n}) { feature { id } } }"
    return {
        "named": post("query WhoAmI { viewer { name } }", "named", bearer),
        "traced": post("{ viewer { name } }", "traced", {**bearer, "traceparent": f"00-{TRACE}-{SPAN}-01"}),
        "mistraced": post("{ viewer { name } }", "mistraced", {**bearer, "traceparent": f"00-{'0' * 32}-{SPAN}-01"}),
        "guest": post("{ viewer { name } }", "guest", {}),
        "written": post(create, "written", bearer, n="name-in-the-body"),
        "refused": post("{ viewer { name } }", "refused", {"authorization": f"Bearer {token}tampered"}),
        "failed": post("query($i: ID!) { feature(id: $i) { name } }", "failed", bearer, i=ID),
    }


def test_every_line_is_json_with_its_time_level_and_event(observed: Observed) -> None:
    assert len(observed.lines) >= 12
    for line in observed.lines:
        assert {"timestamp", "level", "event"} <= line.keys()
        assert str(line["timestamp"]).endswith("Z")


def test_request_is_one_line_with_its_facts(observed: Observed) -> None:
    [line] = observed.of("named")
    milliseconds = line.pop("milliseconds")
    line.pop("timestamp")
    assert isinstance(milliseconds, float) and 0 < milliseconds < 60_000
    assert line == {
        "event": "request",
        "level": "info",
        "request_id": "named",
        "method": "POST",
        "route": "/graphql",
        "status": 200,
        "operation": "WhoAmI",
        "user": sha256(USER.bytes).hexdigest()[:16],
    }
    assert observed.answers["named"].json() == {"data": {"viewer": {"name": "Ada"}}}


def test_guest_and_refused_token_have_no_user(observed: Observed) -> None:
    for id, status in (("guest", 200), ("refused", 401)):
        [line] = observed.of(id)
        assert (line["user"], line["status"], line["operation"]) == (None, status, None)


def test_trace_of_the_caller_is_in_its_lines_and_an_invalid_one_is_not(observed: Observed) -> None:
    [traced] = observed.of("traced")
    assert (traced["trace_id"], traced["span_id"]) == (TRACE, SPAN)
    for id in ("mistraced", "named"):
        [line] = observed.of(id)
        assert "trace_id" not in line and "span_id" not in line


def test_unforeseen_failure_is_one_line_with_its_traceback_and_no_local_variables(observed: Observed) -> None:
    [error] = observed.answers["failed"].json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL", "traceId": "failed"}
    failure, request = observed.of("failed")
    assert (failure["level"], failure["event"], failure["path"]) == ("error", "resolver failed", ["feature"])
    assert (request["event"], request["status"]) == ("request", 200)
    [exception] = failure["exception"]
    assert (exception["exc_type"], exception["exc_value"]) == ("RuntimeError", "planted")
    assert exception["frames"][-1]["name"] == "fail"
    assert "kept-in-a-local-variable" not in observed.text and "locals" not in observed.text


def test_no_line_holds_a_secret_a_body_or_a_name(observed: Observed) -> None:
    assert observed.answers["written"].json()["data"]["createFeature"]["feature"]["id"]
    for secret in [
        *observed.secrets,
        observed.token,
        observed.token.split(".")[2],
        "Bearer",
        "name-in-the-body",
        "createFeature",
        "secret-in-the-address",
        "ada@example.com",
        str(USER),
        USER.hex,
        "postgresql://",
        "redis://",
    ]:
        assert secret not in observed.text


def test_answers_carry_the_ids_that_the_log_has(observed: Observed) -> None:
    assert {id: answer.headers["x-request-id"] for id, answer in observed.answers.items()} == {
        id: id for id in observed.answers
    }
    assert all(len(observed.of(id)) >= 1 for id in observed.answers)


WRITES_ONE_LINE = """
import sys, structlog
from app.telemetry.logs import configure_logging
configure_logging("info", sys.argv[1])
structlog.get_logger().debug("too low")
try:
    local = "kept-in-a-" + "local-variable"
    raise RuntimeError("planted")
except RuntimeError:
    structlog.get_logger().exception("failed", request_id="abc")
"""


@pytest.mark.parametrize(
    ("form", "terminal", "json_lines"),
    [
        ("auto", True, False),
        ("auto", False, True),
        ("json", True, True),
        ("text", False, False),
    ],
)
def test_terminal_gets_lines_for_people_and_all_else_gets_json(
    form: str, terminal: bool, json_lines: bool, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", WRITES_ONE_LINE, form]
    if terminal:
        ours, theirs = pty.openpty()
        subprocess.run(command, cwd=ROOT, stderr=theirs, check=True)
        os.close(theirs)
        text = os.read(ours, 100_000).decode()
        os.close(ours)
    else:
        text = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, check=True, text=True).stderr
    assert "planted" in text and "abc" in text
    assert "too low" not in text and "kept-in-a-local-variable" not in text
    if json_lines:
        assert json.loads(text)["event"] == "failed"
    else:
        assert "Traceback (most recent call last)" in text and not text.startswith("{")
