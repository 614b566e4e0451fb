"""Others' programs, as their users install them: Apollo Client, urql and Relay page through everything, both ways, and
write; the published audit suite for GraphQL over HTTP (npm graphql-http) finds nothing to complain of."""

from typing import Any

import httpx
import pytest

from tests.fixtures.node import CLIENTS, run_node
from tests.fixtures.processes import another
from tests.fixtures.server import PLAIN, Server

FEATURES, PAGES = 1_204, 13
MODERN = "application/graphql-response+json; charset=utf-8"
AUDITS = 61
OF_AN_EARLIER_EDITION = {
    "86EE": "SHOULD use a status code of 400 on variable coercion failure when accepting "
    "application/graphql-response+json",
}


@pytest.fixture(scope="module")
def everything(server: Server) -> list[str]:
    """The ids of all features, newest first, read page by page without any client library."""
    query = "query($a: String) { features(first: 100, after: $a) { nodes { id } pageInfo { hasNextPage endCursor } } }"
    ids: list[str] = []
    after, more = None, True
    while more:
        answer = httpx.post(
            f"{server.url}/graphql",
            json={"query": query, "variables": {"a": after}},
            headers={"authorization": f"Bearer {server.token('admin')}"},
            timeout=60,
            verify=PLAIN,
        )
        features = answer.json()["data"]["features"]
        ids += [node["id"] for node in features["nodes"]]
        after, more = features["pageInfo"]["endCursor"], features["pageInfo"]["hasNextPage"]
    return ids


def check_pages(found: dict[str, Any], everything: list[str]) -> None:
    assert len(set(everything)) == FEATURES
    for direction in ("forward", "backward"):
        assert found[direction]["ids"] == everything, direction
        assert {call["media"] for call in found[direction]["calls"]} == {MODERN}


def check_writes(found: dict[str, Any], name: str) -> None:
    assert found["created"]["userErrors"] == []
    assert found["created"]["feature"]["name"].startswith(f"by {name} ")
    assert found["created"]["feature"]["version"] == 1
    assert found["refused"]["feature"] is None
    [error] = found["refused"]["userErrors"]
    assert (error["__typename"], error["code"], error["path"]) == (
        "DuplicateNameError",
        "DUPLICATE_NAME",
        ["input", "name"],
    )
    assert error["existingId"] == found["created"]["feature"]["id"]


def remove(server: Server, found: dict[str, Any]) -> None:
    """The next client shall see as many features as this one."""
    answer = httpx.post(
        f"{server.url}/graphql",
        json={
            "query": "mutation($i: ID!) { deleteFeature(input: {id: $i}) { userErrors { code } } }",
            "variables": {"i": found["created"]["feature"]["id"]},
        },
        headers={"authorization": f"Bearer {server.token('admin')}"},
        timeout=60,
        verify=PLAIN,
    )
    assert answer.json() == {"data": {"deleteFeature": {"userErrors": []}}}


def test_apollo_client_pages_writes_and_registers_its_queries(server: Server, everything: list[str]) -> None:
    found = run_node("apollo.mjs", f"{server.url}/graphql", server.token("admin"))
    remove(server, found)
    check_pages(found, everything)
    check_writes(found, "Apollo")
    asked, told, *later = found["forward"]["calls"]
    assert (asked["method"], asked["status"], asked["code"]) == ("GET", 404, "PERSISTED_QUERY_NOT_FOUND")
    assert (told["method"], told["status"]) == ("POST", 200)
    assert [(call["method"], call["status"]) for call in later] == [("GET", 200)] * (PAGES - 1)
    # The query is known by now, to a client that never sent its text.
    assert [(call["method"], call["status"]) for call in found["backward"]["calls"]] == [("GET", 200)] * PAGES
    assert {call["method"] for call in found["calls"]} == {"POST"}


def test_urql_pages_and_writes(server: Server, everything: list[str]) -> None:
    found = run_node("urql.mjs", f"{server.url}/graphql", server.token("admin"))
    remove(server, found)
    check_pages(found, everything)
    check_writes(found, "urql")
    assert [(call["method"], call["status"]) for call in found["forward"]["calls"]] == [("POST", 200)] * PAGES


def test_relay_pages_and_writes_where_nothing_but_its_compiled_documents_is_trusted(
    server: Server, everything: list[str]
) -> None:
    manifest = CLIENTS / "relay" / "persisted_queries.json"
    with another(server, TRUSTED_DOCUMENTS="only", TRUSTED_DOCUMENTS_PATH=str(manifest)) as strict:
        found = run_node("relay.mjs", f"{strict.url}/graphql", server.token("admin"))
        refused = httpx.post(f"{strict.url}/graphql", json={"query": "{ viewer { name } }"}, timeout=60, verify=PLAIN)
    remove(server, found)
    check_pages(found, everything)
    check_writes(found, "Relay")
    assert [(call["method"], call["status"]) for call in found["backward"]["calls"]] == [("POST", 200)] * PAGES
    assert refused.status_code == 403


def complaints(results: list[dict[str, Any]]) -> dict[str, str]:
    """Errors, warnings and notices: whatever is not plainly fulfilled, MAY included."""
    assert len(results) == AUDITS
    return {audit["id"]: audit["name"] for audit in results if audit["status"] != "ok"}


def test_the_audit_suite_has_no_error_no_warning_and_no_notice(server: Server) -> None:
    with another(server, VALIDATION_STATUS="400") as other:
        assert complaints(run_node("audit.mjs", f"{other.url}/graphql", server.token("admin"))) == {}


def test_by_default_the_suite_misses_only_a_400_that_is_422_since_september_2026(server: Server) -> None:
    """The suite's last release is older than that edition (§5.4)."""
    assert complaints(run_node("audit.mjs", f"{server.url}/graphql", server.token("admin"))) == OF_AN_EARLIER_EDITION
