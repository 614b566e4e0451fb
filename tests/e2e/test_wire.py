"""The endpoint as bytes on a wire, from a real server without data: what uvicorn adds, and what hostile peers send."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.fixtures.database import drop, execute, in_database
from tests.fixtures.server import PLAIN, ROOT, feature_api, free_port, wait_until_ready
from tests.fixtures.servers import Servers

MODERN = "application/graphql-response+json"
NAME = "{ viewer { name } }"


@pytest.fixture(scope="module")
def environment(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    name, folder = f"wire_{uuid4().hex}", tmp_path_factory.mktemp("wire")
    (folder / "documents").mkdir()
    (folder / "documents" / "name.graphql").write_text(NAME)
    execute(servers.owner_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield {
        **os.environ,
        "ENVIRONMENT": "development",
        "GUEST_POINTS": "1000000",  # of all processes of the run, for guests at 127.0.0.1
        "DATABASE_URL": in_database(servers.app_url, name),
        "REDIS_URL": servers.redis_url,
        "DATA_DIR": str(folder),
        "PORT": str(free_port()),
        "PARTIAL_STATUS": "294",
        "TRUSTED_DOCUMENTS": "allow",
        "TRUSTED_DOCUMENTS_PATH": str(folder / "documents"),
    }
    drop(servers, name)


@pytest.fixture(scope="module")
def url(environment: dict[str, str]) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve"], env=environment, cwd=ROOT, text=True, stderr=subprocess.DEVNULL
    )
    try:
        base = f"http://127.0.0.1:{environment['PORT']}"
        wait_until_ready(base, process)
        yield f"{base}/graphql"
    finally:
        process.terminate()
        process.wait(120)


def test_status_of_partial_success_goes_over_the_wire(url: str) -> None:
    answer = httpx.post(
        url, json={"query": "{ features { totalCount } }"}, headers={"accept": MODERN}, timeout=60, verify=PLAIN
    )
    assert answer.status_code == 294
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_head_and_not_modified_have_no_body_and_the_connection_goes_on(url: str) -> None:
    with httpx.Client(headers={"accept": MODERN}, timeout=60, verify=PLAIN) as client:
        answer = client.get(url, params={"documentId": "name"})
        assert answer.json() == {"data": {"viewer": None}}
        tag = answer.headers["etag"]
        for _ in range(2):
            head = client.head(url, params={"documentId": "name"})
            assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)
            assert head.headers["content-length"] == answer.headers["content-length"]
            known = client.get(url, params={"documentId": "name"}, headers={"if-none-match": tag})
            assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
            assert client.options(url).status_code == 204
        assert client.get(url, params={"documentId": "name"}).content == answer.content


def raw(url: str, request: bytes) -> bytes:
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as peer:
        peer.sendall(request)
        return b"".join(iter(lambda: peer.recv(65_536), b""))


BODY = b'{"query": "{ __typename }"}'


def post(*headers: bytes) -> bytes:
    lines = (b"POST /graphql HTTP/1.1", b"Host: x", b"Connection: close", *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + BODY


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /graphql?query=\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /graphql?query=" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        post(b"Content-Type: application/json", b"Content-Length: 27", b"Content-Length: 28"),
        post(b"Content-Type: application/json", b"Content-Type: text/plain", b"Content-Length: 27"),
        post(b"Content-Type: \xff", b"Content-Length: 27"),
        post(b"Content-Type: application/json", b"Content-Length: -1"),
        post(b"Content-Type: application/json", b"Content-Encoding: gzip", b"Content-Length: 27"),
        post(b"Content-Type: application/json", b"Accept: text/html", b"Content-Length: 27"),
        post(b"Content-Type: application/json", b"Content-Length: 99999999999999999999"),
        b"BREW /graphql HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"PUT /graphql HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
)
def test_what_no_client_sends_is_a_fault_of_the_client(url: str, request_bytes: bytes) -> None:
    status = raw(url, request_bytes).split(b" ", 2)[1]
    assert status[:1] == b"4", status


def test_request_that_is_well_formed_is_answered_on_the_same_wire(url: str) -> None:
    answer = raw(url, post(b"Content-Type: application/json", b"Content-Length: 27"))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b'{"data":{"__typename":"Query"}}')


def test_document_that_cannot_be_run_stops_the_start_with_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "bad.graphql").write_text("{ zzzzzzzz }")
    given = {"TRUSTED_DOCUMENTS_PATH": str(tmp_path), "PORT": str(free_port()), "LOG_LEVEL": "error"}
    done = feature_api({**environment, **given}, "serve")
    assert done.returncode == 1
    assert done.stderr == (
        "feature-api: TRUSTED_DOCUMENTS_PATH: bad cannot be run: Cannot query field 'zzzzzzzz' on type 'Query'.\n"
    )
