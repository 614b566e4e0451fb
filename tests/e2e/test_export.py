"""An export of many rows by the server as a process: what it costs in memory, and what becomes of it when the client is
slow or gone, or the database fails (R14)."""

from collections.abc import Iterator

import httpx
import psutil
import pytest

from tests.fixtures.database import execute
from tests.fixtures.production import PLAIN, Production, Serving
from tests.fixtures.waiting import soon

ROWS = 100_000
PATH = "/api/v2/features/export"
MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def server(production: Production) -> Iterator[Serving]:
    owner_id = production.users["user"]
    execute(
        production.owner_url,
        f"""INSERT INTO features (id, owner_id, name, status, metadata, version, created_at, updated_at)
        SELECT gen_random_uuid(), '{owner_id}', 'feature ' || n, 'INACTIVE',
               jsonb_build_object('text', repeat('x', 1000)), 1, timestamptz '2026-01-01' + n * interval '1 second',
               now() FROM generate_series(1, {ROWS}) n""",
        "ANALYZE features",
    )
    with production.serving(WRITE_TIMEOUT="60") as serving:
        yield serving


def exporting(client: httpx.Client, server: Serving, form: str, coding: str = "identity") -> httpx.Request:
    headers = {"authorization": f"Bearer {server.production.token('user')}", "accept-encoding": coding}
    return client.build_request("GET", f"{server.url}{PATH}?format={form}", headers=headers)


def pages_read(server: Serving) -> int:
    text = httpx.get(f"{server.url}/metrics", verify=PLAIN).text
    found = [line for line in text.splitlines() if 'statement="feature.page"' in line and "_count{" in line]
    return int(float(found[0].rsplit(" ", 1)[1])) if found else 0


def exports_logged(server: Serving) -> int:
    return server.log.read_text().count(PATH)


@pytest.mark.parametrize(("form", "coding"), [("jsonl", "identity"), ("csv", "identity"), ("jsonl", "gzip")])
def test_hundred_thousand_rows_take_a_few_pages_of_memory(server: Serving, form: str, coding: str) -> None:
    process = psutil.Process(server.pid)
    with httpx.Client(verify=PLAIN, timeout=60) as client:
        client.get(f"{server.url}/health/ready")
        before = most = process.memory_info().rss
        size = lines = 0
        answer = client.send(exporting(client, server, form, coding), stream=True)
        assert answer.headers.get("content-encoding", "identity") == coding
        for piece in answer.iter_bytes(MEBIBYTE):
            size, lines = size + len(piece), lines + piece.count(b"\n")
            most = max(most, process.memory_info().rss)
    assert lines == ROWS + (form == "csv")
    assert size > 100 * MEBIBYTE
    assert most - before < 40 * MEBIBYTE


def test_client_that_does_not_read_holds_nothing_and_its_export_ends_when_it_leaves(server: Serving) -> None:
    process, before, logged = psutil.Process(server.pid), pages_read(server), exports_logged(server)
    memory = process.memory_info().rss
    with httpx.Client(verify=PLAIN, timeout=60) as client:
        answers = [client.send(exporting(client, server, "jsonl"), stream=True) for _ in range(5)]
        for answer in answers:
            assert next(answer.iter_raw(1_000))
    soon(lambda: exports_logged(server) == logged + 5)
    assert 5 <= pages_read(server) - before < 5 * ROWS / 500 / 4
    assert process.memory_info().rss - memory < 40 * MEBIBYTE
    assert "exception" not in server.log.read_text().lower()


def test_failure_midway_is_seen_by_the_client(server: Serving) -> None:
    with httpx.Client(verify=PLAIN, timeout=60) as client:
        answer = client.send(exporting(client, server, "jsonl"), stream=True)
        pieces = answer.iter_raw(1_000)
        assert next(pieces)
        try:
            execute(server.production.owner_url, "REVOKE SELECT ON features FROM feature_api_app, feature_api_guarded")
            with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
                for _ in pieces:
                    pass
            refused = client.send(exporting(client, server, "jsonl"))
            assert (refused.status_code, refused.json()["code"]) == (500, "INTERNAL_ERROR")
        finally:
            execute(server.production.owner_url, "GRANT SELECT ON features TO feature_api_app")
        assert client.send(exporting(client, server, "csv"), stream=True).status_code == 200
