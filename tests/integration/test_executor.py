"""What runs an operation is counted, and the same answers come either way, over PostgreSQL too."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from app.main import create_app
from app.wiring import Wiring
from tests.fixtures.asking import asked_from_nowhere_else
from tests.fixtures.world import World

DEEP = """query($n: Int, $with: Boolean!) { features(first: $n, orderBy: {field: NAME, direction: ASC}) {
  totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  edges { cursor node { __typename id databaseId name status metadata tags version viewerPermissions createdAt
    owner { ...Person auditEntries(first: 2) { totalCount } }
    auditEntries(last: 3) @include(if: $with) { nodes { action oldValues newValues metadata
      changes { field old new } actor { ...Person } feature { name } } } } } }
  viewer { ...Person features(first: 2) { nodes { name } } } }
fragment Person on User { id name email role createdAt }"""


async def executed(world: World) -> dict[str, int]:
    text = (await world.client.get("/metrics")).text
    return {path: int(float(n)) for path, n in re.findall(r'graphql_executor_total\{path="(\w+)"\} (\S+)', text)}


@pytest.fixture
async def reference(world: World) -> AsyncIterator[World]:
    """The same database behind a server whose operations are run by graphql-core."""
    wiring = Wiring(world.wiring.settings.model_copy(update={"executor": "reference"}))
    transport = asked_from_nowhere_else(create_app(wiring))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield World(world.wiring, client, world.owner, world.users)
    await wiring.close()


async def test_what_runs_an_operation_is_counted(world: World) -> None:
    assert await executed(world) == {"compiled": 0, "reference": 0}

    await world.data("{ viewer { name } }")
    await world.data("{ __schema { queryType { name } } }")
    await world.data("{ viewer { name } rateLimit(dryRun: true) { cost } }")

    assert await executed(world) == {"compiled": 1, "reference": 2}


async def test_both_executors_give_the_same_bytes(world: World, reference: World) -> None:
    await world.plant("user", 5, metadata='{"category": "ui", "n": 1.50}')
    await world.plant("other", 3)
    for who in ("admin", "user", "viewer", "guest"):
        for number, with_trail in ((3, True), (10, False), (-1, True)):
            body = {"query": DEEP, "variables": {"n": number, "with": with_trail}}
            answers = [await server.post(body, who) for server in (world, reference)]
            assert answers[0].content == answers[1].content
            assert answers[0].status_code == answers[1].status_code

    assert (await executed(reference))["compiled"] == 0
    assert await executed(world) == {"compiled": 12, "reference": 0}


async def test_a_refused_mutation_answers_alike(world: World, reference: World) -> None:
    mine = await world.create("taken")
    text = """mutation($update: UpdateFeatureInput!, $create: CreateFeatureInput!) {
      updateFeature(input: $update) { feature { name } clientMutationId userErrors { __typename message code path
        ... on StaleVersionError { currentVersion current { name owner { name } } conflicts { field current proposed } }
      } }
      createFeature(input: $create) { userErrors { code ... on DuplicateNameError { existingId } } } }"""
    update = {"id": mine["id"], "expectedVersion": 7, "name": "other", "clientMutationId": "x"}
    body = {"query": text, "variables": {"update": update, "create": {"name": "taken"}}}

    answers = [(await server.post(body, "user")).json() for server in (world, reference)]

    assert answers[0] == answers[1]
    (stale,) = answers[0]["data"]["updateFeature"]["userErrors"]
    assert (stale["code"], stale["current"]) == ("STALE_VERSION", {"name": "taken", "owner": {"name": "user"}})
    (taken,) = answers[0]["data"]["createFeature"]["userErrors"]
    assert taken == {"code": "DUPLICATE_NAME", "existingId": mine["id"]}
