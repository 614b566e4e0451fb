"""Input that no correct client sends: of the wrong shape, beyond what JSON can hold, with ids of no object."""

from typing import Any

import pytest

from tests.fixtures.world import Who, World
from tests.fixtures.writes import nothing_written

PAYLOAD = "feature { id } userErrors { path ... on ValidationError { issue } }"


@pytest.mark.parametrize("mutation", ["createFeature", "updateFeature"])
async def test_input_of_the_wrong_shape_is_refused_before_anything_runs(world: World, mutation: str) -> None:
    input_type = f"{mutation[0].upper()}{mutation[1:]}Input"
    text = f"mutation($input: {input_type}!) {{ {mutation}(input: $input) {{ feature {{ id }} }} }}"
    feature = await world.create("Fine")
    good: dict[str, Any] = {"name": "x"} if mutation == "createFeature" else {"id": feature["id"], "expectedVersion": 1}
    bad: list[object] = [
        None,
        [],
        "x",
        {},
        {**good, "nmae": "x"},
        {**good, "name": 7},
        {**good, "name": ["x", "y"]},
        {**good, "description": {}},
        {**good, "clientMutationId": 7.5},
    ]
    if mutation == "updateFeature":
        bad += [{"id": feature["id"]}, {**good, "expectedVersion": None}, {**good, "expectedVersion": 2**31}]
    async with nothing_written(world):
        for input in bad:
            answer = await world.ask(text, "user", input=input)
            assert "data" not in answer, input
            assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}, input


async def test_literals_beyond_what_json_can_hold_are_refused(world: World) -> None:
    for literal, issue in (
        ("1e400", "RANGE"),
        ("-1e400", "RANGE"),
        ("18446744073709551616", "RANGE"),
        ("123456789012345678901234567890", "RANGE"),
        ('"a\\u0000"', "FORMAT"),
        ("[" * 100 + "]" * 100, "RANGE"),
    ):
        text = f'mutation {{ createFeature(input: {{name: "x", metadata: {{a: {literal}}}}}) {{ {PAYLOAD} }} }}'
        async with nothing_written(world):
            answer = await world.data(text, "user")
        error = {"path": ["input", "metadata"], "issue": issue}
        assert answer["createFeature"] == {"feature": None, "userErrors": [error]}, literal


async def test_an_integer_beyond_64_bits_in_a_variable_is_refused_and_not_rounded(world: World) -> None:
    body = b"""{"query": "mutation($m: JSON) { createFeature(input: {name: \\"x\\", metadata: $m}) { %s } }",
      "variables": {"m": {"a": 123456789012345678901234567890}}}"""
    async with nothing_written(world):
        answer = (await world.post(body % PAYLOAD.encode(), "user")).json()
    assert answer["data"]["createFeature"]["userErrors"] == [{"path": ["input", "metadata"], "issue": "RANGE"}]


async def test_a_value_of_a_hundred_thousand_levels_exhausts_nothing(world: World) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    as_variable = b'{"query": "mutation($m: JSON) { createFeature(input: {name: \\"x\\", metadata: $m}) { %s } }",'
    as_variable = as_variable % PAYLOAD.encode() + b' "variables": {"m": {"a": %s}}}' % deep
    as_literal = b'{"query": "mutation { createFeature(input: {name: \\"x\\", metadata: {a: %s}}) { %s } }"}'
    async with nothing_written(world):
        for body, code in (
            (as_variable, "BAD_REQUEST"),
            (as_literal % (deep, PAYLOAD.encode()), "GRAPHQL_PARSE_FAILED"),
        ):
            response = await world.post(body, "user")
            assert response.status_code == 400
            assert [error["extensions"]["code"] for error in response.json()["errors"]] == [code]


async def test_half_a_surrogate_pair_is_refused(world: World) -> None:
    async with nothing_written(world):
        for body in (
            rb'{"query": "mutation { createFeature(input: {name: \"\\uD800\"}) { clientMutationId } }"}',
            rb'{"query": "mutation { createFeature(input: {name: \"\ud800\"}) { clientMutationId } }"}',
        ):
            assert (await world.post(body, "user")).status_code == 400


async def test_an_unknown_enum_value_or_field_is_refused_as_a_literal_and_as_a_variable(world: World) -> None:
    async with nothing_written(world):
        for text in (
            "{ features(filter: {status: [GONE]}) { totalCount } }",
            '{ features(filter: {status: ["ACTIVE"]}) { totalCount } }',
            'mutation { createFeature(input: {name: "x", status: ACTIVE}) { clientMutationId } }',
            "mutation { createFeature(input: {}) { clientMutationId } }",
        ):
            (error,) = (await world.ask(text, "user"))["errors"]
            assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED", text
        text = "query($filter: FeatureFilter) { features(filter: $filter) { totalCount } }"
        for status in ("GONE", "active", 7, None):
            (error,) = (await world.ask(text, "user", filter={"status": [status]}))["errors"]
            assert error["extensions"]["code"] == "BAD_USER_INPUT", status


async def test_an_id_that_is_malformed_or_of_another_type_is_bad_user_input(world: World) -> None:
    feature = await world.create("Fine")
    wrong = ("", "x", feature["databaseId"], world.id_of("user"), f"{feature['id']} ", "RmVhdHVyZTox")
    who: Who = "admin"
    async with nothing_written(world):
        for id in wrong:
            text = "mutation($id: ID!) { archiveFeature(input: {id: $id}) { feature { id } } }"
            answer = await world.ask(text, who, id=id)
            assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "argumentPath": ["input", "id"]}
        text = 'mutation($id: ID!) { createFeature(input: {name: "x", ownerId: $id}) { feature { id } } }'
        for id in (feature["id"], "x", ""):
            answer = await world.ask(text, who, id=id)
            assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "argumentPath": ["input", "ownerId"]}
