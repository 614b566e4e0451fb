"""Operations are priced before they run, and paid for in points."""

import re
from typing import Any

import pytest

from app.domain.rate_limit.model import PointLimits
from app.kernel.clock import utc_now
from tests.fixtures.endpoint import NAME, get, persisted, world_with
from tests.fixtures.world import World

PAGE = "{ features(first: 50) { nodes { auditEntries(first: 5) { nodes { actor { name } } } } } %s }"
COST = 1 + 1 + 50 * (1 + 1 + 5 * (1 + 1))
BREAKDOWN = [
    {"path": "features.nodes.auditEntries", "cost": 50 * 6},
    {"path": "features.nodes.auditEntries.nodes.actor", "cost": 50 * 5},
    {"path": "features", "cost": 51},
]


@pytest.fixture(autouse=True)
def _time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no points come back in between."""
    now = utc_now()
    monkeypatch.setattr("app.wiring.utc_now", lambda: now)
    monkeypatch.setattr("app.wiring.monotonic", lambda: 0.0)


def with_points(world: World, guest: int, user: int) -> None:
    world.wiring._points = PointLimits(guest, user)


async def asked_for_its_cost(world: World, query: str, header: str = "1") -> Any:
    return (await world.post({"query": query}, "admin", **{"x-graphql-cost": header})).json()


async def test_the_cost_of_a_page_is_its_rows_and_theirs(world: World) -> None:
    answer = await world.data(PAGE % "rateLimit { limit cost remaining }")

    limit = world.wiring.settings.user_points
    assert answer["rateLimit"] == {"limit": limit, "cost": COST + 1, "remaining": limit - COST - 1}


async def test_a_dry_run_prices_the_operation_and_runs_none_of_it(world: World) -> None:
    await world.data("{ viewer { name } }")
    world.statements.clear()

    answer = await world.data("query($dry: Boolean) " + PAGE % "rateLimit(dryRun: $dry) { cost remaining }", dry=True)

    spent = 2  # by the operation before
    assert answer == {"rateLimit": {"cost": COST + 1, "remaining": world.wiring.settings.user_points - spent}}
    assert world.statements == []


async def test_an_operation_over_the_limit_is_refused_before_it_runs(world: World) -> None:
    query = "{ features(first: 100) { nodes { auditEntries(first: 100) { nodes { actor { name } } } } } }"
    await world.data("{ viewer { name } }")
    world.statements.clear()

    response = await world.post({"query": query}, accept="application/graphql-response+json")

    cost = 1 + 1 + 100 * (1 + 1 + 100 * 2)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    costliest = [
        {"path": "features.nodes.auditEntries", "cost": 100 * 101},
        {"path": "features.nodes.auditEntries.nodes.actor", "cost": 100 * 100},
        {"path": "features", "cost": 101},
    ]
    assert error["extensions"] == {
        "code": "QUERY_TOO_COMPLEX",
        "cost": cost,
        "limit": 10_000,
        "costliest": costliest,
    }
    assert error["message"] == (
        "This operation costs 20202 points, 10100 of them for `features.nodes.auditEntries`, and at most 10000 are "
        "allowed: ask for smaller pages, or split it."
    )
    assert world.statements == []


@pytest.mark.parametrize("who", ["guest", "viewer"])
async def test_who_has_spent_the_points_waits(world: World, who: Any) -> None:
    with_points(world, 4, 4)
    query = {"query": "{ viewer { name } }"}

    answers = [await world.post(query, who) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    (error,) = answers[2].json()["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert int(answers[2].headers["retry-after"]) == error["extensions"]["retryAfter"] > 0
    other = await world.post(query, "manager")
    assert other.status_code == 200


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_an_answer_tells_the_limit_and_a_refusal_when_to_come_again(world: World, method: str) -> None:
    with_points(world, 4, 4)
    answers = [
        await (world.post({"query": "{ viewer { name } }"}) if method == "POST" else get(world, query=NAME))
        for _ in range(3)
    ]
    told = [(found.headers["ratelimit"], found.headers.get("retry-after")) for found in answers]
    # In the second that the test may take, less than a point comes back: one needs fifteen.
    assert [found.headers["ratelimit-policy"] for found in answers] == ['"points";q=4;w=60'] * 3
    assert [re.sub("t=[0-9]+", "t=", limit) for limit, _ in told] == [f'"points";r={left};t=' for left in (2, 0, 0)]
    assert [retry is None for _, retry in told] == [True, True, False]
    assert 0 < int(told[2][1] or 0) <= 30
    assert all(0 < int(limit.rpartition("=")[2]) <= 60 for limit, _ in told)


async def test_what_was_not_charged_tells_no_limit(world: World) -> None:
    bodies: list[object] = [{"query": "{"}, {"query": "{ rateLimit(dryRun: true) { cost } }"}, []]
    for body in bodies:
        answer = await world.post(body)
        assert not {"ratelimit", "ratelimit-policy", "retry-after"} & set(answer.headers)


async def test_what_caches_keep_tells_nobodys_limit(world: World) -> None:
    async with world_with(world, cache_max_age=60) as other:
        await other.post({"query": NAME, "extensions": persisted(NAME)})
        kept = await get(other, extensions=persisted(NAME))
        assert kept.headers["cache-control"] == "private, max-age=60"
        assert "ratelimit" not in kept.headers


async def test_processes_share_the_points_of_a_user(world: World) -> None:
    with_points(world, 4, 4)
    async with world_with(world) as other:
        with_points(other, 4, 4)
        query = {"query": NAME}
        answers = [await process.post(query) for process in (world, other, world, other)]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]


async def test_an_operation_that_costs_more_than_a_minute_gives_is_refused_with_its_costliest_paths(
    world: World,
) -> None:
    with_points(world, 600, 100)

    (error,) = (await world.ask(PAGE % ""))["errors"]

    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert (error["extensions"]["cost"], error["extensions"]["limit"]) == (COST, 100)
    assert error["extensions"]["costliest"] == BREAKDOWN


async def test_the_cost_comes_with_the_answer_where_the_header_asks_for_it(world: World) -> None:
    query = PAGE % "viewer { name }"
    cost = {"requested": COST + 1, "limit": 10_000, "breakdown": [*BREAKDOWN, {"path": "viewer", "cost": 1}]}

    told = await asked_for_its_cost(world, query)
    untold = [await asked_for_its_cost(world, query, header) for header in ("0", "", "yes")]

    assert told["extensions"] == {"cost": cost}
    assert all("extensions" not in answer and answer["data"] == told["data"] for answer in untold)


async def test_a_dry_run_of_what_is_too_dear_tells_where_its_cost_lies(world: World) -> None:
    dear = (PAGE % "rateLimit(dryRun: true) { cost }").replace("50", "100").replace("5)", "100)")

    answer = await asked_for_its_cost(world, dear)

    cost = answer["extensions"]["cost"]
    assert answer["data"] == {"rateLimit": {"cost": cost["requested"]}}
    assert cost["requested"] == 1 + sum(path["cost"] for path in cost["breakdown"]) > cost["limit"] == 10_000
    assert cost["breakdown"][0] == {"path": "features.nodes.auditEntries", "cost": 100 * 101}
