"""Random trails are paged while they grow, at either end and in between: each page is exactly what Python says it is,
and every entry that was there is seen once, newest first, from either end."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.ids import global_id
from tests.fixtures import oracle
from tests.fixtures.changing import half_spans, some, spans, times
from tests.fixtures.connections import PAGE
from tests.fixtures.examples import examples
from tests.fixtures.oracle import Way
from tests.fixtures.reading import Row, Stage, copy, entry_row, feature_row, opened_stage, user_row
from tests.fixtures.servers import Servers
from tests.fixtures.world import World, insert

ACTIONS = ["CREATE", "UPDATE", "ARCHIVE"]
DECLARED = "$first: Int, $after: String, $last: Int, $before: String, $filter: AuditFilter"
GIVEN = "first: $first, after: $after, last: $last, before: $before, filter: $filter"
OF_ALL = f"query({DECLARED}) {{ page: auditEntries({GIVEN}) {PAGE} }}"
OF_ONE = f"""query({DECLARED}, $id: ID!) {{ node(id: $id) {{
    ... on User {{ page: auditEntries({GIVEN}) {PAGE} }}
    ... on Feature {{ page: auditEntries({GIVEN}) {PAGE} }} }} }}"""

type Drawn = tuple[UUID, datetime, str]

entries = st.tuples(st.uuids(), times, st.sampled_from(ACTIONS))


@dataclass
class Scenario:
    """`parent`: below what the entries are listed; None: at the root."""

    drawn: list[Drawn]
    filter: dict[str, Any]
    size: int
    way: Way
    parent: str | None
    between: list[list[Drawn]]


scenarios = st.builds(
    Scenario,
    drawn=st.lists(entries, max_size=12, unique_by=lambda entry: entry[0]),
    filter=st.fixed_dictionaries({}, optional={"action": some(ACTIONS), "createdAt": spans | half_spans}),
    size=st.integers(1, 4),
    way=st.sampled_from(["forward", "backward"]),
    parent=st.sampled_from([None, "User", "Feature"]),
    between=st.lists(st.lists(entries, max_size=2), max_size=6),
)


@pytest.fixture(scope="module")
def stage(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with opened_stage(servers, template, tmp_path_factory.mktemp("data")) as stage:
        yield stage


@examples(150)
@given(scenarios)
def test_a_trail_is_paged_exactly_while_it_grows(stage: Stage, scenario: Scenario) -> None:
    stage.run(page_through(stage.world, scenario))


async def page_through(world: World, scenario: Scenario) -> None:
    """Every time with a user and a feature of its own, since entries stay for good; and so their ids are drawn anew."""
    user = user_row(f"person {await world.owner.fetchval('SELECT count(*) FROM users')}")
    feature = feature_row(world.users["other"], user["name"])
    await insert(world.owner, "users", user)
    await insert(world.owner, "features", feature)
    taken = {row[0] for row in await world.owner.fetch("SELECT id FROM audit_entries")}
    rows: dict[UUID, Row] = {}

    def add(drawn: list[Drawn]) -> list[Row]:
        fresh = [(id, at, action) for id, at, action in drawn if id not in taken]
        added = [entry_row(feature, user["id"], at, id=id, action=action) for id, at, action in fresh]
        rows.update((row["id"], row) for row in added)
        taken.update(rows)
        return added

    def listed() -> dict[UUID, oracle.Key]:
        wanted = scenario.filter
        return {
            id: (row["created_at"], id)
            for id, row in rows.items()
            if row["action"] in wanted.get("action", ACTIONS)
            and oracle.within(row["created_at"], wanted.get("createdAt", {}))
        }

    async def asked() -> Any:
        if scenario.parent is None:
            only = {**scenario.filter, "actorId": global_id("User", user["id"])}
            return (await world.data(OF_ALL, **walk.window, filter=only))["page"]
        id = global_id(scenario.parent, (user if scenario.parent == "User" else feature)["id"])
        return (await world.data(OF_ONE, **walk.window, filter=scenario.filter, id=id))["node"]["page"]

    walk, steps = oracle.Walk(scenario.way, scenario.size, False, "AuditEntry"), iter(scenario.between)
    await copy(world, "audit_entries", add(scenario.drawn))
    began = listed()
    while walk.step(await asked(), listed()):
        await copy(world, "audit_entries", add(next(steps, [])))

    walk.check_all_seen_once(began)
