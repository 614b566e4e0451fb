"""A connection below a list: the page of each parent is the one that a request for that parent alone gives."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from tests.fixtures.connections import PAGE
from tests.fixtures.reading import copy, entry_row, feature_row, opened_world
from tests.fixtures.servers import Servers
from tests.fixtures.world import BIRTH, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNED = {"admin": 0, "manager": 1, "user": 3, "other": 7, "viewer": 0}
TRAILS = (0, 1, 2, 5)  # how many entries a feature has, in turn
STATUSES = ("ACTIVE", "INACTIVE", "ARCHIVED", "DELETED")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Parents with none, one and many; everybody did something to features of others."""
    async with opened_world(servers, template, tmp_path_factory.mktemp("data")) as world:
        features = [
            feature_row(
                world.users[who],
                f"{who} {'a|Zé中'[number % 5]} {number}",
                BIRTH + timedelta(minutes=number // 2),
                status=STATUSES[number % 4],
                metadata='{"category": "ui", "tags": ["a", "b"]}' if number % 2 else '{"tags": ["b"]}',
            )
            for who, count in OWNED.items()
            for number in range(count)
        ]
        actors = list(world.users.values())
        entries = [
            entry_row(
                feature,
                actors[(place + number) % 5],
                BIRTH + timedelta(minutes=number // 2),
                action=("CREATE", "UPDATE", "ARCHIVE")[number % 3],
                version=number + 1,
            )
            for place, feature in enumerate(features)
            for number in range(TRAILS[place % 4])
        ]
        await copy(world, "features", features)
        await copy(world, "audit_entries", entries)
        yield world


async def parents(world: World, root: str, selection: str, who: Any = "admin") -> dict[str, Any]:
    """What each node of a root connection has under `page`."""
    query = f"{{ {root} {{ nodes {{ id page: {selection} }} }} }}"
    [found] = (await world.data(query, who)).values()
    return {node["id"]: node["page"] for node in found["nodes"]}


async def alone(world: World, type: str, id: str, selection: str, who: Any = "admin") -> Any:
    query = f'{{ node(id: "{id}") {{ ... on {type} {{ page: {selection} }} }} }}'
    return (await world.data(query, who))["node"]["page"]


FEATURES = [
    "",
    "first: 0",
    "first: 1",
    "first: 2",
    "last: 2",
    "first: 3, last: 2",
    "first: 2, filter: {status: [ACTIVE, DELETED]}",
    'first: 2, filter: {category: ["ui"], includeDeleted: true}',
    'last: 2, filter: {tags: ["a", "c"]}, orderBy: {field: NAME, direction: ASC}',
    "first: 2, orderBy: {field: NAME, direction: DESC}",
    "first: 3, orderBy: {field: STATUS, direction: ASC}",
    "last: 3, orderBy: {field: UPDATED_AT, direction: ASC}",
    'first: 5, filter: {search: "manager or user"}',
]
ENTRIES = [
    "",
    "first: 0",
    "first: 1",
    "first: 2",
    "last: 1",
    "last: 3",
    "first: 4, last: 2",
    "first: 2, filter: {action: [UPDATE, ARCHIVE]}",
    'last: 9, filter: {createdAt: {from: "2020-01-01T00:01:00Z"}}',
]


@pytest.mark.parametrize("arguments", FEATURES)
async def test_the_features_of_each_user_are_those_of_that_user_alone(world: World, arguments: str) -> None:
    selection = f"features{f'({arguments})' if arguments else ''} {PAGE}"

    found = await parents(world, "users", selection)

    assert len(found) == 5
    assert found == {id: await alone(world, "User", id, selection) for id in found}
    assert any(page["totalCount"] for page in found.values()) and not all(page["totalCount"] for page in found.values())


@pytest.mark.parametrize("arguments", ENTRIES)
@pytest.mark.parametrize(
    ("root", "type", "count"), [("users", "User", 5), ("features(filter: {includeDeleted: true})", "Feature", 11)]
)
async def test_the_entries_of_each_parent_are_those_of_that_parent_alone(
    world: World, root: str, type: str, count: int, arguments: str
) -> None:
    selection = f"auditEntries{f'({arguments})' if arguments else ''} {PAGE}"

    found = await parents(world, root, selection)

    assert len(found) == count
    deleted = await world.owner.fetch("SELECT id FROM features WHERE status = 'DELETED'")
    if type == "Feature":
        assert len(deleted) == 1
    reachable = {
        id: page
        for id, page in found.items()
        if (await world.data(f'{{ node(id: "{id}") {{ id }} }}'))["node"] is not None
    }
    assert len(reachable) == (count if type == "User" else count - len(deleted))  # a deleted one is no node
    assert reachable == {id: await alone(world, type, id, selection) for id in reachable}
    assert any(page["totalCount"] for page in found.values())


@pytest.mark.parametrize("way", ["first: 2, after", "last: 2, before", "first: 1, before", "last: 1, after"])
async def test_a_cursor_of_one_parent_is_the_same_place_in_the_lists_of_all(world: World, way: str) -> None:
    [*_, middle, _, _] = (await alone(world, "User", world.id_of("other"), f"features {PAGE}"))["edges"]
    selection = f'features({way}: "{middle["cursor"]}") {PAGE}'

    found = await parents(world, "users", selection)

    for id, page in found.items():
        of_owner = f'features({way}: "{middle["cursor"]}", filter: {{ownerId: "{id}"}}) {PAGE}'
        assert page == await alone(world, "User", id, selection)
        assert page == (await world.data(f"{{ {of_owner} }}"))["features"]
    infos = [tuple(page["pageInfo"].values())[:2] for page in found.values()]
    assert len(set(infos)) > 1


async def test_each_owner_has_the_root_list_filtered_by_that_owner(world: World) -> None:
    found = await parents(world, "users", f"features(first: 2) {PAGE}")

    for id, page in found.items():
        root = await world.data(f'{{ features(first: 2, filter: {{ownerId: "{id}"}}) {PAGE} }}')
        assert page == root["features"]


async def test_each_actor_has_the_root_trail_filtered_by_that_actor(world: World) -> None:
    found = await parents(world, "users", f"auditEntries(first: 3) {PAGE}")

    for id, page in found.items():
        root = await world.data(f'{{ auditEntries(first: 3, filter: {{actorId: "{id}"}}) {PAGE} }}')
        assert page == root["auditEntries"]
        assert page["totalCount"] > 0


async def test_entries_that_the_asker_may_not_see_are_neither_shown_nor_counted(world: World) -> None:
    """`user` did things to features of others, and sees of them only those done to its own."""
    selection = f"auditEntries(first: 100) {PAGE}"
    [found] = (await parents(world, "users", selection, "user")).values()
    everything = await alone(world, "User", world.id_of("user"), selection)
    own = await world.owner.fetchval(
        "SELECT count(*) FROM audit_entries WHERE actor_id = $1 AND owner_id = $1", world.users["user"]
    )

    assert found["totalCount"] == len(found["nodes"]) == own
    assert everything["totalCount"] > own > 0


async def test_two_windows_on_the_same_list_are_two_lists(world: World) -> None:
    query = (
        f"{{ users {{ nodes {{ id a: features(first: 1) {PAGE} b: features(last: 1) {PAGE} c: features {PAGE} }} }} }}"
    )
    found = {node["id"]: node for node in (await world.data(query))["users"]["nodes"]}

    of_other = found[world.id_of("other")]
    assert of_other["a"]["nodes"] == of_other["c"]["nodes"][:1]
    assert of_other["b"]["nodes"] == of_other["c"]["nodes"][-1:]
    assert [of_other[name]["totalCount"] for name in "abc"] == [6, 6, 6]
