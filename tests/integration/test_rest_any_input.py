"""Whatever is sent to REST, the answer is of its form: no fault of the server's, and every error with its code."""

import string
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.http.catalogue import CATALOGUE
from tests.fixtures.endpoint import world_with
from tests.fixtures.reading import Stage, opened_stage
from tests.fixtures.rest import PLENTY, V1, V2, made
from tests.fixtures.servers import Servers
from tests.fixtures.world import World

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "name": JSON | st.text(min_size=1, max_size=300),
        "description": JSON | st.text(max_size=20),
        "metadata": JSON | st.dictionaries(st.sampled_from(["category", "tags", "k", "\0"]), JSON, max_size=4),
        "status": st.sampled_from(["active", "inactive", "archived", "deleted", None, 1]),
        "owner_id": JSON,
    },
)
BODY = st.one_of(
    st.binary(max_size=50),
    st.builds(lambda found: repr(found).encode(), JSON),
    st.builds(lambda found: encoded(found), FIELDS | JSON),
)
SEGMENT = st.one_of(
    st.sampled_from(
        ["features", "{id}", "archive", "restore", "audit-entries", "revisions", "1", "", "%00", "%ff", "."]
    ),
    st.text(max_size=10).map(lambda text: quote(text, safe="")),
)
PATH = st.one_of(
    st.sampled_from([V1, V2, f"{V1}/{{id}}", f"{V2}/{{id}}", f"{V2}/{{id}}/archive", f"{V2}/{{id}}/audit-entries"]),
    st.builds(lambda version, parts: f"/api/{version}/" + "/".join(parts), SEGMENT, st.lists(SEGMENT, max_size=5)),
)
NAMES = [
    "first",
    "last",
    "after",
    "before",
    "limit",
    "offset",
    "sort",
    "status",
    "tag",
    "category",
    "q",
    "owner_id",
    "x",
]
VALUES = st.one_of(
    st.text(max_size=20),
    st.integers(-5, 20_000).map(str),
    st.sampled_from(["created_at:desc", "name:asc", "deleted", "active", "MXw=", "\0", "a" * 600]),
)
QUERY = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=4).map(
    lambda pairs: "&".join(f"{name}={quote(value)}" for name, value in pairs)
) | st.text(string.printable, max_size=20).map(lambda text: quote(text, safe="&=%+"))
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "accept": st.sampled_from(["*/*", "application/problem+json", "text/html", "a/b;q=x", ","]),
        "content-type": st.sampled_from(["application/merge-patch+json", "text/plain", "", "a;b=c;"]),
        "if-match": st.sampled_from(["*", '"1"', '"999999999999"', 'W/"1"', "", ",", '"', "x" * 300]),
        "if-none-match": st.sampled_from(["*", '"1"', "", '"x', "W/"]),
        "content-encoding": st.sampled_from(["identity", "gzip", ""]),
        "idempotency-key": st.text(string.ascii_letters, max_size=5),
    },
)


def encoded(found: Any) -> bytes:
    try:
        return orjson.dumps(found)
    except TypeError:  # an integer of more than 64 bits
        return b"{}"


@pytest.fixture(scope="module")
def stage(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with opened_stage(servers, template, tmp_path_factory.mktemp("data")) as opened:
        kept = AsyncExitStack()
        bounds = {"active_feature_limit": 1_000_000, **PLENTY}
        yield Stage(opened.run(kept.enter_async_context(world_with(opened.world, **bounds))), opened.runner)
        opened.run(kept.aclose())


@given(
    method=st.sampled_from(["GET", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]),
    path=PATH,
    query=QUERY,
    headers=HEADERS,
    body=BODY,
)
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_request_is_answered_in_form(
    stage: Stage, method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    async def asked(world: World) -> httpx.Response:
        feature = await made(world, f"any {uuid4()}")
        sent = {"authorization": f"Bearer {world.token('user')}", "content-type": "application/json", **headers}
        url = f"{path.replace('{id}', feature['id'])}?{query}"
        return await world.client.request(method, url, headers=sent, content=body)

    assert_in_form(stage.run(asked(stage.world)), method)


ITEM = st.builds(
    lambda fields, own: {**fields, **own},
    FIELDS,
    st.fixed_dictionaries(
        {},
        optional={
            "op": st.sampled_from(["create", "update", "archive", "activate", "delete", "restore"]) | JSON,
            "id": st.just("{id}") | JSON,
            "if_match": st.sampled_from(["*", 1, 2]) | JSON,
        },
    ),
)
ACT = st.sampled_from(["update", "archive", "activate", "deactivate", "delete", "restore"]).map(
    lambda op: {"op": op, "id": "{id}", "if_match": "*"}
)


@given(items=st.lists(ITEM | ACT, max_size=4) | JSON, atomic=st.booleans() | JSON)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_bulk_is_answered_in_form(stage: Stage, items: Any, atomic: object) -> None:
    async def asked(world: World) -> httpx.Response:
        feature = await made(world, f"any {uuid4()}")
        body = encoded({"items": items, "atomic": atomic}).replace(b"{id}", feature["id"].encode())
        sent = {"authorization": f"Bearer {world.token('user')}", "content-type": "application/json"}
        return await world.client.post(f"{V2}/bulk", headers=sent, content=body)

    answer = stage.run(asked(stage.world))
    assert_in_form(answer, "POST")
    if answer.status_code < 400:
        for item in answer.json()["data"]:
            assert item["status"] < 500 and ("problem" in item) == (item["status"] >= 400)


def assert_in_form(answer: httpx.Response, method: str) -> None:
    if answer.status_code in (204, 304):
        assert answer.content == b""
        return
    assert answer.status_code < 500, answer.text
    if method == "HEAD":
        return
    found = answer.json()
    if answer.status_code < 400:
        assert {"data", "meta"} <= set(found)
        return
    error = found.get("error", found)
    assert CATALOGUE[error["code"]].status == answer.status_code
    assert error["message" if "error" in found else "detail"]
    for detail in error.get("details", error.get("errors", [])):
        assert set(detail) == {"field", "issue", "message"}
