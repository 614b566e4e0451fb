"""The log of slow statements: which there are, how often, and the plan, which holds no value (R63)."""

from typing import Any

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from app.telemetry.statements import AGAIN, PLAN_AGAIN, PLAN_PAUSE, SlowStatements
from tests.fixtures.endpoint import world_with
from tests.fixtures.world import World

ASKED = "query($f: FeatureFilter) { features(filter: $f) { nodes { name } } }"
SECRET = "hidden-word"


class Text:
    def __init__(self, name: str, text: str = "") -> None:
        self.name, self.text = name, text or name


@pytest.fixture
def clock() -> list[float]:
    return [1_000.0]


def told(lines: list[EventDict]) -> list[tuple[str, int]]:
    return [(line["statement"], line["untold"]) for line in lines if line["event"] == "slow statement"]


def test_each_name_is_told_once_a_second_with_the_number_that_was_not(clock: list[float]) -> None:
    slow = SlowStatements[Text](0.1, plans=False, monotonic=lambda: clock[0])
    with capture_logs() as lines:
        for _ in range(3):
            slow.tell(Text("one"), 0.2)
        slow.tell(Text("two"), 0.2)
        clock[0] += AGAIN
        slow.tell(Text("one"), 0.2)
    assert told(lines) == [("one", 0), ("two", 0), ("one", 2)]


async def test_plans_are_one_at_a_time_and_far_between(clock: list[float]) -> None:
    asked: list[str] = []

    async def explain(statement: Text) -> list[str]:
        asked.append(statement.text)
        return ["Seq Scan"]

    slow = SlowStatements[Text](0.1, plans=True, monotonic=lambda: clock[0])
    slow.explain = explain

    async def tell(text: str, later: float) -> None:
        clock[0] += later
        slow.tell(Text(text), 0.2)
        if slow._explaining is not None:
            await slow._explaining

    await tell("one", 0)
    await tell("two", PLAN_PAUSE / 2)  # too soon
    await tell("two", PLAN_PAUSE)
    await tell("one", PLAN_PAUSE)  # it has one
    await tell("one", PLAN_AGAIN)
    assert asked == ["one", "two", "one"]


async def test_slow_statement_is_logged_with_a_plan_that_holds_no_value(world: World) -> None:
    async with world_with(world, slow_statement_seconds=1e-9, slow_statement_plans=True) as slowed:
        slow = slowed.wiring.observing.slow
        assert slow is not None
        slowed.wiring.database.observe = slowed.wiring.observing.statement
        await slowed.post({"query": "{ viewer { name } }"})  # reads who asks, first of all
        slow._explained.clear()
        slow._next_plan = 0.0
        with capture_logs() as lines:
            answer = await slowed.post({"query": ASKED, "variables": {"f": {"search": SECRET}}})
            assert answer.json() == {"data": {"features": {"nodes": []}}}
            assert slow._explaining is not None
            await slow._explaining
    [line] = [line for line in lines if line["event"] == "slow statement"]
    [plan] = [line for line in lines if line["event"] == "plan of a slow statement"]
    assert (line["statement"], plan["statement"]) == ("feature.page", "feature.page")
    assert plan["plan"][0].startswith("Limit  (cost=")
    assert any("$1" in row for row in plan["plan"]) and SECRET not in str(lines)


@pytest.mark.parametrize("settings", [{"slow_statement_seconds": 0}, {"slow_statement_seconds": 600}])
async def test_nothing_is_logged_where_nothing_is_slow(world: World, settings: dict[str, Any]) -> None:
    async with world_with(world, **settings) as quick:
        quick.wiring.database.observe = quick.wiring.observing.statement
        with capture_logs() as lines:
            await quick.post({"query": "{ viewer { name } }"})
    assert told(lines) == []
