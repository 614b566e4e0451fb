"""In production, guests are told nothing of the schema: not by introspection, and nobody by guesses in errors."""

from itertools import permutations

import pytest

from tests.fixtures.endpoint import LEGACY, MODERN, refusal, world_with
from tests.fixtures.world import Who, World

SCHEMA = "{ __schema { queryType { name } } }"
ANSWER = {"data": {"__schema": {"queryType": {"name": "Query"}}}}
REFUSED = (422, "INTROSPECTION_REFUSED")
DISGUISES = [
    SCHEMA,
    '{ __type(name: "Feature") { name } }',
    "{ a: __schema { queryType { name } } }",
    "{ ... { ... on Query { __schema { queryType { name } } } } }",
    "{ ...a } fragment a on Query { ...b } fragment b on Query { __schema { queryType { name } } }",
    "query($no: Boolean = false) { __schema @include(if: $no) { queryType { name } } viewer { id } }",
    "query A { viewer { id } } query B { __schema { queryType { name } } }",
]


@pytest.mark.parametrize("query", DISGUISES)
async def test_guest_cannot_ask_for_the_schema_in_production(world: World, query: str) -> None:
    async with world_with(world, environment="production") as production:
        body = {"query": query, "operationName": "A" if "query A" in query else None}
        assert refusal(await production.post(body, "guest", accept=MODERN)) == REFUSED
        assert refusal(await production.post(body, "guest", accept=LEGACY)) == (200, REFUSED[1])
        assert "errors" not in (await production.post(body, "viewer")).json()


async def test_guest_may_ask_for_the_schema_in_development(world: World) -> None:
    assert (await world.post({"query": SCHEMA}, "guest")).json() == ANSWER


@pytest.mark.parametrize("order", list(permutations(["guest", "viewer", "guest"]))[:3])
async def test_documents_that_are_remembered_leak_nothing_from_one_to_the_other(
    world: World, order: tuple[Who, ...]
) -> None:
    async with world_with(world, environment="production") as production:
        for who in order:
            response = await production.post({"query": SCHEMA}, who, accept=MODERN)
            if who == "guest":
                assert refusal(response) == REFUSED
            else:
                assert response.json() == ANSWER


async def test_type_name_is_no_introspection(world: World) -> None:
    async with world_with(world, environment="production") as production:
        assert (await production.post({"query": "{ __typename }"}, "guest")).json() == {"data": {"__typename": "Query"}}


GUESSED = [
    ("{ viewr { name } }", {}),
    ("{ features(fist: 1) { totalCount } }", {}),
    ("{ node(id: 1) { ... on Featur { name } } }", {}),
    ("{ features(orderBy: {field: NAM, direction: ASC}) { totalCount } }", {}),
    ("query($o: FeatureOrder) { features(orderBy: $o) { totalCount } }", {"o": {"field": "NAM", "direction": "ASC"}}),
    ("query($o: FeatureOrder) { features(orderBy: $o) { totalCount } }", {"o": {"fild": "NAME", "direction": "ASC"}}),
    ("{ viewer { name @skp(if: true) } }", {}),
]


@pytest.mark.parametrize(("query", "variables"), GUESSED)
async def test_errors_guess_in_development_and_never_in_production(
    world: World, query: str, variables: dict[str, object]
) -> None:
    body = {"query": query, "variables": variables}
    async with world_with(world, environment="production") as production:
        everybody: list[Who] = ["guest", "admin"]
        for who in everybody:
            silent = await production.post(body, who)
            assert "errors" in silent.json()
            assert "mean" not in silent.text
    helpful = await world.post(body)
    assert "Did you mean" in helpful.text or "@skp" in query  # graphql-core guesses no directives
