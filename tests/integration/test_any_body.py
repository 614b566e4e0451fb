"""Whatever is sent, the answer is of our form: no fault of the server's, and every error with its code."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.http.refused import Refused
from app.web.asked import asked_of
from app.web.request import read_query
from tests.fixtures.endpoint import LEGACY, MODERN, refusal, world_with
from tests.fixtures.examples import examples
from tests.fixtures.world import World

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
QUERY = st.sampled_from(
    [
        "{ viewer { name } }",
        "query($a: Int, $b: FeatureFilter, $c: FeatureOrder) "
        "{ features(first: $a, filter: $b, orderBy: $c) { totalCount nodes { id } } }",
        "query($a: ID!) { node(id: $a) { id } }",
        "query($a: [ID!]!) { nodes(ids: $a) { id } }",
        "query($a: String) { features(after: $a) { nodes { id } } }",
        "mutation($a: CreateFeatureInput!) { createFeature(input: $a) { feature { id } userErrors { code } } }",
        "query A { viewer { id } } query B { viewer { id } }",
    ]
)
INPUT = st.fixed_dictionaries(
    {},
    optional={
        "search": JSON,
        "name": JSON,
        "metadata": JSON,
        "description": JSON,
        "tags": JSON,
        "ownerId": JSON,
        "createdAt": JSON,
        "field": JSON,
    },
)
REQUEST = st.fixed_dictionaries(
    {"query": QUERY | st.text(max_size=50) | JSON},
    optional={
        "variables": JSON | st.fixed_dictionaries({"a": JSON | INPUT}, optional={"b": JSON | INPUT, "c": JSON}),
        "operationName": JSON | st.sampled_from(["A", "B", ""]),
        "extensions": JSON | st.fixed_dictionaries({"persistedQuery": JSON}),
        "documentId": JSON,
    },
)
BODY = st.binary(max_size=200) | JSON | REQUEST | st.lists(REQUEST, max_size=3)
many = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def check(response: httpx.Response) -> None:
    assert response.status_code < 500, response.text
    answers = response.json()
    for answer in answers if isinstance(answers, list) else [answers]:
        assert "data" in answer or answer["errors"]
        for error in answer.get("errors", []):
            assert error["message"]
            assert error["extensions"]["code"] not in ("", "INTERNAL"), error


def encoded(body: object) -> bytes:
    if isinstance(body, bytes):
        return body
    try:
        return orjson.dumps(body)
    except TypeError:  # an integer of more than 64 bits, or a lone surrogate: what Python would write
        return json.dumps(body).encode("utf-8", "surrogatepass")


@pytest.fixture
async def batching(world: World) -> AsyncIterator[World]:
    async with world_with(world, max_batch=3, user_points=1_000_000_000) as other:
        yield other


@many
@given(body=BODY, accept=st.sampled_from([MODERN, LEGACY]))
@example(body={"query": "{ viewer { name } }", "variables": {"a": "\ud800"}}, accept=MODERN)
@example(body={"query": "query($a: ID!) { node(id: $a) { id } }", "variables": {"a": "\0"}}, accept=MODERN)
async def test_any_body_is_answered_in_our_form(batching: World, body: object, accept: str) -> None:
    check(await batching.post(encoded(body), accept=accept))


@given(query=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: b"query=" + text.encode()))
@examples(500)
def test_any_query_string_is_read_or_refused(query: bytes) -> None:
    with suppress(Refused):
        assert asked_of(read_query(query, {}, 50)).variables == {}


@many
@given(accept=st.text(st.characters(max_codepoint=255), max_size=60), type=st.text(st.characters(max_codepoint=255)))
async def test_any_header_is_answered_in_our_form(world: World, accept: str, type: str) -> None:
    headers = [(b"accept", accept.encode("latin-1")), (b"content-type", type.encode("latin-1"))]
    check(await world.client.post("/graphql", content=b"{}", headers=headers))


DEEP = 100_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"query": "{ viewer { name } }", "variables": {"a": ' + b"[" * DEEP + b"]" * DEEP + b"}}",
        b'{"query": "{ viewer { name } }", "variables": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
        b"[" * DEEP + b"]" * DEEP,
        b'{"query": "query($a: Int) { features(first: $a) { totalCount } }", "variables": {"a": '
        + b"9" * 5_000
        + b"}}",
        b'{"query": "{ features(first: ' + b"9" * 5_000 + b') { totalCount } }"}',
        b'{"query": "' + b"\\u0000" * 10_000 + b'"}',
        b'{"query": "{ ' + b"nope " * 2_900 + b'}"}',
        b'{"query": "{ viewer { ' + b"nam " * 2_900 + b'} }"}',
        b'{"query": "' + b"#" * 900_000 + b'"}',
        b'{"query": "{ viewer { name } }", "documentId": "' + b"a" * 900_000 + b'"}',
        b'{"query": "{ viewer { name } }", ' + b", ".join(b'"k%d": 1' % n for n in range(50_000)) + b"}",
        b"[" + b'{"query": "{ viewer { name } }"},' * 20_000 + b"{}]",
    ],
    ids=[
        "lists",
        "objects",
        "batch",
        "variable",
        "literal",
        "nul",
        "unknown",
        "guesses",
        "comment",
        "id",
        "keys",
        "long",
    ],
)
async def test_hostile_body_is_answered_at_once(world: World, body: bytes) -> None:
    async with world_with(world, max_batch=10, environment="production") as production:
        await production.post({"query": "{ viewer { name } }"})
        start = time.process_time()
        response = await production.post(body, accept=MODERN)
        seconds = time.process_time() - start
    check(response)
    assert response.status_code == 200 or 400 <= response.status_code < 500
    assert seconds < 1.5


async def test_hostile_bodies_are_refused_with_a_code(world: World) -> None:
    deep = b'{"query": "{ viewer { name } }", "variables": {"a": ' + b"[" * DEEP + b"]" * DEEP + b"}}"
    assert refusal(await world.post(deep, accept=MODERN)) == (400, "BAD_REQUEST")
