"""Random lists, filters, orders and sizes are paged while rows come, go and change: each page is exactly what Python
says it is, and every row that stayed is seen once, in order, from either end."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.ids import UserId
from tests.fixtures import oracle
from tests.fixtures.changing import OWNERS, Change, Table, changes, features, filters
from tests.fixtures.connections import PAGE
from tests.fixtures.examples import examples
from tests.fixtures.oracle import Way
from tests.fixtures.reading import Row, Stage, opened_stage
from tests.fixtures.servers import Servers
from tests.fixtures.world import Who, World

DECLARED = (
    """$first: Int, $after: String, $last: Int, $before: String, $filter: FeatureFilter, $orderBy: FeatureOrder"""
)
GIVEN = "first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy"
OF_ALL = f"query({DECLARED}) {{ page: features({GIVEN}) {PAGE} }}"
OF_ONE = f"query({DECLARED}, $id: ID!) {{ node(id: $id) {{ ... on User {{ page: features({GIVEN}) {PAGE} }} }} }}"


@dataclass
class Scenario:
    """`parent`: whose features are listed, below the user; None: all that `who` may see, at the root."""

    rows: list[Row]
    filter: dict[str, Any]
    field: str
    direction: str
    size: int
    way: Way
    who: Who
    parent: Who | None
    between: list[list[Change]]

    def reach(self, world: World) -> set[UserId]:
        """Whose features are in the list."""
        seen = {world.users["user"]} if self.who == "user" else set(world.users.values())
        return seen & {world.users[self.parent]} if self.parent else seen

    def filters(self, world: World) -> tuple[dict[str, Any], dict[str, Any]]:
        """As a client sends it, and as the oracle knows it."""
        if "ownerId" not in self.filter:
            return self.filter, self.filter
        owner = OWNERS[self.filter["ownerId"]]
        return {**self.filter, "ownerId": world.id_of(owner)}, {**self.filter, "ownerId": world.users[owner]}


scenarios = st.tuples(
    st.sampled_from([("admin", None), ("viewer", None), ("user", None), ("admin", "other"), ("user", "user")])
).flatmap(
    lambda asked: st.builds(
        Scenario,
        rows=st.lists(features(), min_size=4, max_size=14, unique_by=lambda row: row["id"]),
        filter=filters,
        field=st.sampled_from(list(oracle.COLUMNS)),
        direction=st.sampled_from(["ASC", "DESC"]),
        size=st.integers(1, 4),
        way=st.sampled_from(["forward", "backward"]),
        who=st.just(asked[0][0]),
        parent=st.just(asked[0][1]),
        between=st.lists(st.lists(changes, max_size=3), max_size=8),
    )
)


@pytest.fixture(scope="module")
def stage(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with opened_stage(servers, template, tmp_path_factory.mktemp("data")) as stage:
        yield stage


@examples(200)
@given(scenarios)
def test_features_are_paged_exactly_whatever_happens_between_pages(stage: Stage, scenario: Scenario) -> None:
    stage.run(page_through(stage.world, scenario))


async def page_through(world: World, scenario: Scenario) -> None:
    table = Table(world)
    await table.fill(scenario.rows)
    sent, known = scenario.filters(world)
    order = {"field": scenario.field, "direction": scenario.direction}
    walk = oracle.Walk(scenario.way, scenario.size, scenario.direction == "ASC", "Feature")
    reach, steps = scenario.reach(world), iter(scenario.between)

    def listed() -> dict[UUID, oracle.Key]:
        rows = (row for row in table.rows.values() if row["owner_id"] in reach and oracle.matches(row, known))
        return {row["id"]: oracle.key_of(row, scenario.field) for row in rows}

    async def asked() -> Any:
        variables = {**walk.window, "filter": sent, "orderBy": order}
        if scenario.parent is None:
            return (await world.data(OF_ALL, scenario.who, **variables))["page"]
        return (await world.data(OF_ONE, scenario.who, id=world.id_of(scenario.parent), **variables))["node"]["page"]

    began, forward = listed(), scenario.way == "forward"
    while walk.step(await asked(), listed()):
        for what, which in next(steps, []):
            await table.change(what, which, walk.seen if forward else walk.seen[::-1])

    walk.check_all_seen_once({id: key for id, key in began.items() if id in table.stayed})
