"""Behind the wall no statement reads a whole table: one user's rows are found by their owner, or each by its key (R40).

The conditions that PostgreSQL will not trust with rows of others (`@@`, `&&`) are asked of one's own alone.
"""

from collections.abc import AsyncIterator
from itertools import product

import pytest
import pytest_asyncio

from app.db import api_token, audit, feature
from app.db.statement import Statement
from app.domain.feature.model import Direction, FeatureOrder, FeatureOrderField
from app.kernel.ids import UserId
from tests.fixtures.plans import Planner, filled_planner
from tests.fixtures.reading import opened_world
from tests.fixtures.servers import Servers
from tests.integration.test_explain import (
    AVERAGE_USER,
    BIG_OWNER,
    DAY,
    DIRECTIONS,
    FIELDS,
    FIRST_PAGE,
    SHAPES,
    SOME_ENTRIES,
    SOME_FEATURES,
    SOME_USERS,
    bounds,
    keys,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILTERS: list[dict[str, object]] = [
    {},
    {"live": True},
    {"category": ["category 7"]},
    {"tags": ["tag 3", "tag 5"]},
    {"search": "word7"},
    {"status": ["ACTIVE"]},
    {"created_from": DAY},
    {"updated_until": DAY},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def planner(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Planner]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_ROW_SECURITY", "on")
        async with opened_world(servers, template, tmp_path_factory.mktemp("data")) as world:
            yield await filled_planner(world)


async def reached(planner: Planner, query: str, statement: Statement, **given: object) -> set[str]:
    """The indexes that are read for that user, of features and what hangs on them."""
    [user] = await keys(planner, query)
    return await planner.indexes_of(UserId(user), statement, **given)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("field", FIELDS)
async def test_a_page_of_features_walks_an_index_though_its_filter_was_forgotten(
    planner: Planner, field: FeatureOrderField, direction: Direction
) -> None:
    for shape, names in product(SHAPES, (("live",), ("live", "visible_to"))):
        order = FeatureOrder(field, direction)
        given = await bounds(planner, "features", field.lower(), direction)
        [user] = await keys(planner, BIG_OWNER)
        statement = feature.page_statement(names, order, shape, False, feature.READINGS.of(None))
        found = await reached(planner, BIG_OWNER, statement, size=21, live=True, visible_to=user, **given)
        assert found and not [index for index in found if index.startswith("scan")], (shape, names, found)


@pytest.mark.parametrize("values", FILTERS, ids=lambda values: "+".join(values) or "none")
async def test_every_filter_is_asked_of_what_the_owners_index_finds(
    planner: Planner, values: dict[str, object]
) -> None:
    order, reading = FeatureOrder("NAME", "ASC"), feature.READINGS.of(None)
    page = feature.page_statement(tuple(values), order, FIRST_PAGE, False, reading)
    for statement in (page, feature.count_statement(tuple(values), False)):
        found = await reached(planner, AVERAGE_USER, statement, size=21, **values)
        assert found and all(index.startswith(("features_of_owner", "features_name", "features_by")) for index in found)


async def test_rows_by_their_keys_and_pages_of_many_parents_are_found_by_index(planner: Planner) -> None:
    [user] = await keys(planner, BIG_OWNER)
    owners, ids = await keys(planner, SOME_USERS), await keys(planner, SOME_FEATURES)
    entries = await keys(planner, SOME_ENTRIES)
    of_features, of_entries = feature.READINGS.of(None), audit.READINGS.of(None)
    order = FeatureOrder()
    for statement, given in (
        (feature.by_ids_statement(of_features, True), {"of_id": ids[0]}),
        (feature.by_ids_statement(of_features, False), {"ids": ids}),
        (feature.page_statement(("live",), order, FIRST_PAGE, True, of_features), {"size": 6, "ids": owners}),
        (feature.count_statement(("live",), True), {"ids": owners}),
        (feature.BY_NAME, {"owner_id": user, "name": "feature 3"}),
        (audit.by_ids_statement(()), {"ids": entries}),
        (audit.page_statement((), FIRST_PAGE, None, of_entries), {"size": 21}),
        (audit.page_statement((), FIRST_PAGE, "feature", of_entries), {"size": 6, "ids": ids}),
        (audit.page_statement((), FIRST_PAGE, "actor", of_entries), {"size": 6, "ids": owners}),
        (audit.count_statement((), None), {}),
        (audit.count_statement((), "feature"), {"ids": ids[:5]}),
        (api_token.page_statement(False, FIRST_PAGE), {"size": 21, "ids": owners}),
        (api_token.COUNT, {"ids": owners, "visible_to": None}),
    ):
        found = await reached(planner, BIG_OWNER, statement, **given)
        scans = [index for index in found if index.startswith("scan")]
        assert found and not scans, (statement.name, found)
