"""Several requests in one: off unless the operator says how many; then in order, each on its own, each charged."""

from typing import Any

import pytest

from tests.fixtures.endpoint import ADMIN, LEGACY, MODERN, NAME, refusal, world_with
from tests.fixtures.world import CREATE, World


def create(name: str) -> dict[str, Any]:
    return {"query": CREATE, "variables": {"input": {"name": name}}}


async def test_list_is_refused_unless_the_setting_allows_it(world: World) -> None:
    assert refusal(await world.post([{"query": NAME}])) == (400, "BAD_REQUEST")
    async with world_with(world, max_batch=2) as other:
        for body in ([], [{"query": NAME}] * 3):
            assert refusal(await other.post(body)) == (400, "BAD_REQUEST")
        assert (await other.post([{"query": NAME}] * 2)).json() == [ADMIN, ADMIN]


@pytest.mark.parametrize("accept", [MODERN, LEGACY])
async def test_answers_come_in_order_and_one_failure_is_not_the_others(world: World, accept: str) -> None:
    async with world_with(world, max_batch=9) as other:
        bodies: list[object] = [
            create("a"),
            {"query": "{"},
            {"query": "{ nope }"},
            None,
            [],
            {"query": 1},
            {"documentId": "x"},
            create("a"),
            {"query": NAME},
        ]
        response = await other.post(bodies, accept=accept)
    assert response.status_code == 200
    answers = response.json()
    assert answers[0]["data"]["createFeature"]["feature"]["name"] == "a"
    codes = [answer["errors"][0]["extensions"]["code"] for answer in answers[1:7]]
    assert codes == ["GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"] + 3 * ["BAD_REQUEST"] + [
        "PERSISTED_QUERY_NOT_FOUND"
    ]
    assert answers[8] == ADMIN
    assert await world.owner.fetchval("SELECT count(*) FROM features") == 1


async def test_each_of_a_list_is_charged(world: World) -> None:
    query = {"query": "{ viewer { name } rateLimit { remaining } }"}
    async with world_with(world, max_batch=3, user_points=10) as other:
        answers = (await other.post([query] * 3)).json()
    first, second = (answer["data"]["rateLimit"]["remaining"] for answer in answers[:2])
    assert first > second
    many = [{"query": "{ a: viewer { id } b: viewer { id } c: viewer { id } }"}] * 3
    async with world_with(world, max_batch=3, user_points=10) as other:
        answers = (await other.post(many, "viewer")).json()  # one who has all points yet
        codes = [answer.get("errors", [{}])[0].get("extensions") for answer in answers]
    assert codes[0] is None
    assert codes[2]["code"] == "RATE_LIMITED"


async def test_fault_of_ours_is_masked_and_the_others_are_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("hunter2")

    async with world_with(world, max_batch=2) as other:
        with monkeypatch.context() as broken:
            broken.setattr("app.web.run.errors.format_failures", fail)
            response = await other.post([{"query": '{ feature(id: "x") { id } }'}, {"query": NAME}])
    internal, fine = response.json()
    assert internal["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "hunter2" not in response.text
    assert fine == ADMIN
