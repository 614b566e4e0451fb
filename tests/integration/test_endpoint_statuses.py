"""The statuses that settings choose, and what legacy clients get instead."""

from typing import Any

import pytest

from tests.fixtures.endpoint import LEGACY, MODERN, NAME, refusal, world_with
from tests.fixtures.world import Who, World

INVALID: list[tuple[dict[str, Any], str]] = [
    ({"query": "{ nope }"}, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "query A { viewer { id } } query B { viewer { id } }"}, "BAD_USER_INPUT"),
    ({"query": NAME, "operationName": "B"}, "BAD_USER_INPUT"),
    ({"query": "query($f: Int!) { features(first: $f) { totalCount } }"}, "BAD_USER_INPUT"),
    ({"query": "{" + "viewer{" * 16 + "id" + "}" * 17}, "QUERY_TOO_COMPLEX"),
    (
        {"query": "{ features(first: 100) { nodes { auditEntries(first: 100) { nodes { id } } } } }"},
        "QUERY_TOO_COMPLEX",
    ),
]


@pytest.mark.parametrize("status", ["422", "400"])
async def test_what_does_not_validate_has_the_status_of_the_setting(world: World, status: str) -> None:
    async with world_with(world, validation_status=status) as other:
        for body, code in INVALID:
            assert refusal(await other.post(body, accept=MODERN)) == (int(status), code)
            assert refusal(await other.post(body, accept=LEGACY)) == (200, code)
        assert refusal(await other.post({"query": "{"}, accept=MODERN)) == (400, "GRAPHQL_PARSE_FAILED")


@pytest.mark.parametrize("status", ["200", "294"])
async def test_data_with_errors_have_the_status_of_the_setting_where_the_media_type_explains_it(
    world: World, status: str
) -> None:
    partial = {"query": '{ viewer { name } feature(id: "x") { name } }'}
    nothing = {"query": "{ features { totalCount } }"}
    async with world_with(world, partial_status=status) as other:
        cases: list[tuple[dict[str, Any], Who]] = [(partial, "admin"), (nothing, "guest")]
        for body, who in cases:
            answer = await other.post(body, who, accept=MODERN)
            assert answer.status_code == int(status)
            assert "errors" in answer.json() and "data" in answer.json()
            assert (await other.post(body, who, accept=LEGACY)).status_code == 200
        assert (await other.post({"query": NAME}, accept=MODERN)).status_code == 200


async def test_those_whom_the_server_turns_away_are_told_by_status_in_every_media_type(world: World) -> None:
    async with world_with(world, guest_points=2) as poor:
        await poor.post({"query": "{ viewer { id } }"}, "guest")
        for accept in (MODERN, LEGACY):
            bad = await poor.post({"query": NAME}, "guest", accept=accept, authorization="Bearer x")
            assert refusal(bad) == (401, "UNAUTHENTICATED")
            spent = await poor.post({"query": "{ viewer { id } }"}, "guest", accept=accept)
            assert refusal(spent) == (429, "RATE_LIMITED")
