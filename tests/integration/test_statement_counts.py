"""Every edge takes one statement for all parents, one or fifty (R44): exact names and numbers of what is run."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.fixtures.copies import fill_with_copies
from tests.fixtures.reading import OneByOne, opened_world
from tests.fixtures.servers import Servers
from tests.fixtures.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with opened_world(servers, template, tmp_path_factory.mktemp("data"), OneByOne) as world:
        await fill_with_copies(world, 50)
        yield world


FEATURES = [
    ("id name status tags metadata viewerPermissions", {}),
    ("owner { name }", {}),  # comes along, and so does whoever did an entry
    ("owner { name role } again: owner { email }", {}),
    ("auditEntries { nodes { id changes { field } } }", {"audit.page": 1}),
    ("auditEntries(first: 1) { edges { cursor node { id } } pageInfo { endCursor } }", {"audit.page": 1}),
    ("auditEntries { nodes { actor { name } } }", {"audit.page": 1}),
    ("auditEntries { edges { node { feature { name } } } }", {"audit.page": 1, "feature.by_ids": 1}),
    (
        "auditEntries { nodes { actor { id } feature { owner { id } } } }",
        {"audit.page": 1, "feature.by_ids": 1, "user.by_ids": 1},
    ),
    ("auditEntries { totalCount }", {"audit.page": 1, "audit.count": 1}),
    ("auditEntries { nodes { id } totalCount }", {"audit.page": 1, "audit.count": 1}),
    ("auditEntries { totalCount @skip(if: true) nodes { id } }", {"audit.page": 1}),
    ("a: auditEntries { nodes { id } } b: auditEntries { totalCount }", {"audit.page": 1, "audit.count": 1}),
    ("a: auditEntries(first: 1) { nodes { id } } b: auditEntries(last: 1) { nodes { id } }", {"audit.page": 2}),
    ("owner { features { nodes { id } } }", {"feature.page": 1}),
    ("owner { features { totalCount } }", {"feature.page": 1, "feature.count": 1}),
    ("owner { features { nodes { owner { name } } } }", {"feature.page": 1}),
    (
        "owner { name } auditEntries { nodes { actor { features { nodes { auditEntries { totalCount } } } } } }",
        {"audit.page": 2, "feature.page": 1, "audit.count": 1},
    ),
]
ENTRIES = [
    ("id action version oldValues newValues changes { field old new } metadata", {}),
    ("actor { name }", {}),
    ("feature { name }", {"feature.by_ids": 1}),
    ("feature { owner { name } }", {"feature.by_ids": 1, "user.by_ids": 1}),
    ("feature { auditEntries { totalCount } }", {"feature.by_ids": 1, "audit.page": 1, "audit.count": 1}),
    ("actor { auditEntries { totalCount } }", {"audit.page": 1, "audit.count": 1}),
    ("actor { features { nodes { id } } }", {"feature.page": 1}),
]
USERS = [
    ("id name email role createdAt", {}),
    ("features { nodes { id } }", {"feature.page": 1}),
    ("features { nodes { owner { name } } }", {"feature.page": 1}),
    ("features { totalCount }", {"feature.page": 1, "feature.count": 1}),
    ('features(filter: {search: "theirs"}) { totalCount }', {"feature.page": 1, "feature.count": 1}),
    (
        'a: features(filter: {tags: ["a"]}) { totalCount } b: features { totalCount }',
        {"feature.page": 2, "feature.count": 2},
    ),
    ("auditEntries { nodes { id } }", {"audit.page": 1}),
    ("auditEntries { nodes { feature { name } } }", {"audit.page": 1, "feature.by_ids": 1}),
    ("auditEntries { nodes { actor { name } } }", {"audit.page": 1}),
    ("auditEntries { totalCount }", {"audit.page": 1, "audit.count": 1}),
    ("userAuditEntries { nodes { id act newValues } }", {"user_audit.page": 1}),
    ("userAuditEntries { nodes { user { name } actor { name } } }", {"user_audit.page": 1, "user.by_ids": 1}),
    ("userAuditEntries { totalCount }", {"user_audit.page": 1, "user_audit.count": 1}),
    ("apiTokens { nodes { id } }", {"api_token.page": 1}),
    ("apiTokens { nodes { user { name } createdBy { name } } }", {"api_token.page": 1, "user.by_ids": 1}),
    ("apiTokens { totalCount }", {"api_token.page": 1, "api_token.count": 1}),
    (
        "features { totalCount nodes { auditEntries { totalCount } } } auditEntries { totalCount }",
        {"feature.page": 1, "feature.count": 1, "audit.page": 2, "audit.count": 2},
    ),
]
EVENTS = [
    ("id kind subject address requestId facts createdAt", {}),
    ("actor { name }", {"user.by_ids": 1}),
]
ROOTS = {
    "features": ("feature", FEATURES),
    "auditEntries": ("audit", ENTRIES),
    "users": ("user", USERS),
    "securityEvents": ("security_event", EVENTS),
}
CASES = [
    pytest.param(root, selection, Counter({f"{noun}.page": 1}) + Counter(more), id=f"{root}: {selection}")
    for root, (noun, cases) in ROOTS.items()
    for selection, more in cases
]


@pytest.mark.parametrize("style", ["nodes { %s }", "edges { node { %s } }"])
@pytest.mark.parametrize(("root", "selection", "expected"), CASES)
async def test_an_edge_takes_the_same_statements_for_one_row_and_for_fifty(
    world: World, root: str, selection: str, style: str, expected: Counter[str]
) -> None:
    query = f"query($n: Int) {{ {root}(first: $n) {{ {style % selection} }} }}"

    for rows in (1, 50):
        [found] = (await world.data(query, n=rows)).values()
        assert [len(listed) for listed in found.values()] == [rows]
        assert await world.count(query, n=rows) == expected, rows


@pytest.mark.parametrize("root", ROOTS)
async def test_a_count_at_the_root_costs_a_statement_only_where_it_is_selected(world: World, root: str) -> None:
    noun = ROOTS[root][0]
    page, counted = Counter({f"{noun}.page": 1}), Counter({f"{noun}.page": 1, f"{noun}.count": 1})

    for rows in (1, 50):
        given = f"{root}(first: {rows})"
        assert await world.count(f"{{ {given} {{ nodes {{ id }} pageInfo {{ hasNextPage }} }} }}") == page
        assert await world.count(f"{{ {given} {{ nodes {{ id }} totalCount }} }}") == counted
        assert await world.count(f"{{ {given} {{ totalCount @include(if: false) nodes {{ id }} }} }}") == page
    same = f"{{ a: {root} {{ totalCount }} b: {root}(last: 1) {{ totalCount }} }}"
    assert await world.count(same) == Counter({f"{noun}.page": 2, f"{noun}.count": 1})


async def test_an_empty_page_asks_for_nothing_below_it(world: World) -> None:
    query = "{ features(first: 0) { nodes { owner { name } auditEntries { totalCount } } } }"

    assert await world.count(query) == Counter({"feature.page": 1})


async def test_one_object_takes_a_statement_for_each_of_its_edges(world: World) -> None:
    feature_id = (await world.data("{ features(first: 1) { nodes { id } } }"))["features"]["nodes"][0]["id"]
    cases: list[tuple[str, dict[str, Any]]] = [
        ("name", {}),
        ("owner { name }", {}),
        ("auditEntries { totalCount nodes { actor { name } } }", {"audit.page": 1, "audit.count": 1}),
    ]

    for selection, more in cases:
        found = await world.count(f"query($id: ID!) {{ feature(id: $id) {{ {selection} }} }}", id=feature_id)
        assert found == Counter({"feature.by_ids": 1}) + Counter(more), selection
    assert await world.count("{ viewer { name } }") == Counter({"user.by_ids": 1})
    assert await world.count("{ __typename }") == Counter()
