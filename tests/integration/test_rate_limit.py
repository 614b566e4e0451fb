"""Operations are priced before they run, and paid for in points."""

from typing import Any

import pytest

from app.domain.rate_limit.model import PointLimits
from app.kernel.clock import utc_now
from tests.fixtures.world import World

PAGE = "{ features(first: 50) { nodes { auditEntries(first: 5) { nodes { actor { name } } } } } %s }"
COST = 1 + 1 + 50 * (1 + 1 + 5 * (1 + 1))


@pytest.fixture(autouse=True)
def _time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no points come back in between."""
    now = utc_now()
    monkeypatch.setattr("app.wiring.utc_now", lambda: now)


def with_points(world: World, guest: int, user: int) -> None:
    world.wiring._points = PointLimits(guest, user)


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
    assert error["extensions"] == {"code": "QUERY_TOO_COMPLEX", "cost": cost, "limit": 10_000}
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
