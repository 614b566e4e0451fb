"""Traces of the server as a process, as a collector gets them: who is whose child, what spans hold, and what they never
hold (R62)."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.fixtures.collector import Collector, Seen, collecting
from tests.fixtures.embedded import soon
from tests.fixtures.production import Production
from tests.fixtures.server import PLAIN, free_port

SERVER, CLIENT = 2, 3  # kinds
SPAN = "00f067aa0ba902b7"
LISTED = """query Listed($filter: FeatureFilter) {
  features(first: 2, filter: $filter) { nodes { name owner { name } auditEntries(first: 1) { nodes { action } } } }
  viewer { features(first: 1, filter: {search: "hidden-literal"}) { nodes { name } } }
}"""
HIDDEN = "hidden-variable"
MAKE = "mutation Make($n: String!) { createFeature(input: {name: $n}) { feature { id databaseId } } }"


def trace_of(number: int) -> str:
    return f"{number:032x}"


def parent(number: int, flags: str = "01") -> dict[str, str]:
    return {"traceparent": f"00-{trace_of(number)}-{SPAN}-{flags}"}


@dataclass(frozen=True)
class Told:
    """What was asked of a server, its answers, what it logged and what the collector got."""

    collector: Collector
    answers: dict[str, httpx.Response]
    token: str
    log: Path

    def named(self, trace: int, name: str) -> list[Seen]:
        return [span for span in self.collector.of(trace_of(trace)) if span.name == name]

    def lines(self, request_id: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in found if line.get("request_id") == request_id]


@pytest.fixture(scope="module")
def told(production: Production) -> Iterator[Told]:
    settings = {"OTEL_TRACES_SAMPLER_ARG": "0", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=one, x-tenant=two"}
    with (
        collecting() as collector,
        production.serving(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **settings) as serving,
        httpx.Client(base_url=serving.url, trust_env=False, timeout=60, verify=PLAIN) as client,
    ):
        token = production.token("admin")
        answers = ask(production, client, token)
        asked = {trace_of(number) for number in (1, 2, 3, 5, 6, 7, 8)}
        assert soon(lambda: asked <= {span.trace for span in collector.spans})
        yield Told(collector, answers, token, serving.log)


def ask(production: Production, client: httpx.Client, token: str) -> dict[str, httpx.Response]:
    bearer = {"authorization": f"Bearer {token}"}

    def post(id: str, query: str, trace: dict[str, str], **variables: object) -> httpx.Response:
        body = {"query": query, "variables": variables}
        return client.post("/graphql", json=body, headers={**bearer, **trace, "x-request-id": id})

    answers = {
        "made": post("made", MAKE, parent(1), n="hidden-name"),
        "more": post("more", MAKE, {}, n="hidden-name of another"),
        "listed": post("listed", LISTED, parent(2), filter={"search": HIDDEN}),
        "invalid": post("invalid", "{ hiddenField }", parent(3)),
        "unsampled": post("unsampled", LISTED, parent(4, "00")),
        "untraced": post("untraced", LISTED, {}),
    }
    feature = answers["made"].json()["data"]["createFeature"]["feature"]
    answers["rest"] = client.get(f"/api/v2/features/{feature['databaseId']}", headers={**bearer, **parent(5)})
    address = {"query": "query($i: ID!) { node(id: $i) { id } }", "variables": json.dumps({"i": feature["id"]})}
    answers["address"] = client.get("/graphql", params=address, headers={**bearer, **parent(6)})
    answers["batch"] = post("batch", "{ features(first: 50) { nodes { auditEntries { totalCount } } } }", parent(7))
    roles = "feature_api_app, feature_api_guarded"
    as_owner(production, f"REVOKE SELECT ON features FROM {roles}")
    try:
        answers["failed"] = post("failed", "query Failing { features { nodes { name } } }", parent(8))
    finally:
        as_owner(production, f"GRANT SELECT ON features TO {roles}")
    answers["health"] = client.get("/health/ready", headers=parent(9))
    return answers


def as_owner(production: Production, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(production.owner_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


TREES = {
    "made": (1, ["POST /graphql", ["GraphQL mutation", "feature.insert"], "user.role"]),
    "listed": (
        2,
        [
            "POST /graphql",
            ["GraphQL query", "feature.page", ["load FeatureService.pages_of_owners", "feature.page"], "user.by_ids"],
        ],
    ),
    "invalid": (3, ["POST /graphql", "GraphQL"]),
    "rest": (5, ["GET /api/v2/features/{id}", "feature.by_ids"]),
    "address": (6, ["GET /graphql", ["GraphQL query", "feature.by_ids"]]),
    "batch": (
        7,
        [
            "POST /graphql",
            [
                "GraphQL query",
                "feature.page",
                ["load AuditService.count_many", "audit.count"],
                ["load AuditService.pages_of_features", "audit.page"],
            ],
        ],
    ),
    "failed": (8, ["POST /graphql", ["GraphQL query", "feature.page"]]),
}


@pytest.mark.parametrize("name", TREES)
def test_spans_are_below_what_made_them_and_the_request_below_its_caller(told: Told, name: str) -> None:
    number, tree = TREES[name]
    assert told.answers[name].status_code == 200
    assert told.collector.tree(trace_of(number)) == [tree]
    root = told.collector.root(trace_of(number))
    assert (root.parent, root.kind, root.failed) == (SPAN, SERVER, False)


def test_request_says_route_status_and_id(told: Told) -> None:
    found = told.collector.root(trace_of(5)).attributes
    for name in ("server.address", "server.port"):
        found.pop(name)
    assert found == {
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "http.request.method": "GET",
        "http.route": "/api/v2/features/{id}",
        "http.response.status_code": 200,
        "feature_api.request_id": told.answers["rest"].headers["x-request-id"],
    }


def test_operation_says_name_hash_cost_and_executor(told: Told) -> None:
    [span] = told.named(2, "GraphQL query")
    assert span.attributes == {
        "graphql.operation.type": "query",
        "graphql.operation.name": "Listed",
        "graphql.document.hash": f"sha256:{sha256(LISTED.encode()).hexdigest()}",
        "graphql.operation.cost": 13,
        "feature_api.executor": "compiled",
    }


def test_document_that_does_not_validate_is_a_span_without_a_name(told: Told) -> None:
    [span] = told.named(3, "GraphQL")
    assert (span.attributes, span.failed) == ({"error.type": "RequestError"}, True)


def test_batch_says_how_many_keys_and_rows(told: Told) -> None:
    [span] = told.named(7, "load AuditService.count_many")
    assert span.attributes == {"feature_api.batch.keys": 2, "feature_api.batch.rows": 2}


def test_statement_and_command_say_their_names_alone(told: Told) -> None:
    [insert] = told.named(1, "feature.insert")
    assert insert.kind == CLIENT and 0 < insert.seconds < 60
    assert insert.attributes == {"db.system.name": "postgresql", "db.query.summary": "feature.insert"}
    command = told.named(1, "EVALSHA")[-1]
    assert (command.kind, command.parent) == (CLIENT, told.named(1, "GraphQL mutation")[0].id)
    assert command.attributes == {"db.system.name": "redis", "db.operation.name": "EVALSHA"} or command.failed


def test_failure_is_found_by_the_trace_that_its_error_names(told: Told) -> None:
    [error] = told.answers["failed"].json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL", "traceId": trace_of(8)} and trace_of(8) in error["message"]
    [operation], [statement] = told.named(8, "GraphQL query"), told.named(8, "feature.page")
    assert (operation.failed, operation.attributes["graphql.error.code"]) == (True, "INTERNAL")
    assert (statement.failed, statement.attributes["error.type"]) == (True, "InsufficientPrivilegeError")


def test_lines_of_the_log_name_trace_and_span(told: Told) -> None:
    root = told.collector.root(trace_of(8))
    lines = told.lines("failed")
    assert [line["event"] for line in lines] == ["resolver failed", "request"]
    assert {(line["trace_id"], line["span_id"]) for line in lines} == {(trace_of(8), root.id)}


def test_what_the_caller_does_not_trace_is_not_traced_nor_is_health(told: Told) -> None:
    assert told.answers["unsampled"].status_code == told.answers["health"].status_code == 200
    assert told.collector.of(trace_of(4)) == told.collector.of(trace_of(9)) == []
    [line] = told.lines("unsampled")
    assert (line["trace_id"], line["span_id"]) == (trace_of(4), SPAN)
    [line] = told.lines("untraced")  # of those the ratio is 0
    assert "trace_id" not in line


def test_jobs_have_traces_of_their_own(told: Told) -> None:
    roots = [span for span in told.collector.spans if span.name == "job sessions"]
    [[tree]] = [told.collector.tree(root.trace) for root in roots]
    assert tree == ["job sessions", "session.purge", "session.purge_tokens"]
    assert {span.parent for span in roots} == {""}


def test_batch_of_events_is_a_trace_and_a_look_that_finds_none_is_not(told: Told) -> None:
    def roots() -> list[str]:
        """Of traces that have ended: the root is the last of its spans."""
        return [span.trace for span in told.collector.spans if span.name == "job outbox"]

    assert soon(lambda: len(roots()) > 0)
    for trace in roots():
        assert told.collector.tree(trace) == [["job outbox", "outbox.forget", "outbox.lock", "outbox.next"]]
    assert not [span for span in told.collector.spans if span.name == "outbox.waiting"]


def test_collector_is_told_whose_spans_they_are_and_what_it_wants(told: Told) -> None:
    [about] = {json.dumps(span.about, sort_keys=True): span.about for span in told.collector.spans}.values()
    assert about.pop("service.instance.id")
    assert about == {
        "service.name": "feature-api",
        "service.version": metadata.version("feature-api"),
        "deployment.environment.name": "production",
    }
    assert {(headers["api-key"], headers["x-tenant"]) for headers in told.collector.headers} == {("one", "two")}


def test_no_span_holds_a_token_a_variable_a_literal_or_an_id(told: Told) -> None:
    feature = told.answers["made"].json()["data"]["createFeature"]["feature"]
    sent = b"".join(told.collector.raw)
    assert b"Listed" in sent and b"feature.insert" in sent
    for secret in (
        *(HIDDEN, "hidden-literal", "hidden-name", "hiddenField", "search", "api-key", "postgresql://"),
        *(told.token, told.token.split(".")[2], feature["id"], feature["databaseId"], "Bearer", "python-httpx"),
    ):
        assert secret.encode() not in sent


def test_metrics_say_that_they_were_sent(told: Told) -> None:
    url = str(told.answers["health"].url).replace("/health/ready", "/metrics")
    lines = httpx.get(url, trust_env=False, timeout=60, verify=PLAIN).text.splitlines()
    assert 'feature_api_spans_total{outcome="failed"} 0.0' in lines
    assert 'feature_api_spans_total{outcome="sent"} 0.0' not in lines


def test_server_whose_collector_is_away_answers_as_ever_and_says_so_once(production: Production) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_SAMPLER_ARG": "1"}

    def failed(url: str) -> bool:
        lines = httpx.get(f"{url}/metrics", trust_env=False, timeout=60, verify=PLAIN).text.splitlines()
        return 'feature_api_spans_total{outcome="failed"} 0.0' not in lines

    with production.serving(**settings) as serving:
        assert soon(lambda: failed(serving.url))
        answers = [serving.ask("{ viewer { name } }", "admin") for _ in range(20)]
        assert {(answer.status_code, answer.text) for answer in answers} == {
            (200, '{"data":{"viewer":{"name":"admin"}}}')
        }
    log = serving.log.read_text()
    assert log.count("spans cannot be sent") == 1 and endpoint.removeprefix("http://") not in log
