"""`node` and `nodes`: any object by its global id, in the order that was asked, null where it is not to be seen."""

import base64
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from app.kernel.ids import global_id
from tests.fixtures.reading import Row, copy, entry_row, feature_row, opened_world
from tests.fixtures.servers import Servers
from tests.fixtures.world import Who, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

NODE = "query($id: ID!) { node(id: $id) { __typename id } }"
NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
KEY = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
NOT_AN_ID = "This is not an id of this API: give an `id` as a query returned it."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with opened_world(servers, template, tmp_path_factory.mktemp("data")) as world:
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rows(world: World) -> dict[str, Row]:
    """Features of `user` and of `other`, one that is deleted, and an entry of each."""
    user, other = world.users["user"], world.users["other"]
    features = {
        "mine": feature_row(user, "mine"),
        "others": feature_row(other, "others"),
        "deleted": feature_row(user, "deleted", status="DELETED"),
    }
    entries = {f"entry of {name}": entry_row(feature, other) for name, feature in features.items()}
    await copy(world, "features", features.values())
    await copy(world, "audit_entries", entries.values())
    return {**features, **entries}


def id_of(rows: dict[str, Row], name: str) -> str:
    return global_id("AuditEntry" if name.startswith("entry") else "Feature", rows[name]["id"])


async def refusal(world: World, query: str, who: Who = "admin", **variables: object) -> dict[str, Any]:
    """The extensions of the only error; no object was looked for."""
    world.statements.clear()
    answer = await world.ask(query, who, **variables)
    [error] = answer["errors"]
    assert not any(name.endswith(".by_ids") for name in world.statements)
    found: dict[str, Any] = {"message": error["message"], **error["extensions"]}
    return found


async def test_every_type_is_found_by_its_id(world: World, rows: dict[str, Row]) -> None:
    ids = {
        "User": world.id_of("viewer"),
        "Feature": id_of(rows, "mine"),
        "AuditEntry": id_of(rows, "entry of mine"),
    }

    for type, id in ids.items():
        assert await world.data(NODE, id=id) == {"node": {"__typename": type, "id": id}}


async def test_order_length_and_repetition_are_kept(world: World, rows: dict[str, Row]) -> None:
    names = ["others", "entry of mine", "mine", "others", "entry of mine", "others"]
    ids = [id_of(rows, name) for name in names]
    ids = [*ids, world.id_of("user"), global_id("Feature", uuid4()), world.id_of("user"), ids[0]]

    found = (await world.data(NODES, ids=ids))["nodes"]

    assert [node and node["id"] for node in found] == [*ids[:7], None, *ids[8:]]


async def test_nodes_take_one_statement_for_each_type_whatever_their_number(world: World, rows: dict[str, Row]) -> None:
    one = [world.id_of("user"), id_of(rows, "mine"), id_of(rows, "entry of mine")]
    many = [*one, *(global_id(type, uuid4()) for type in ("User", "Feature", "AuditEntry") for _ in range(30))]
    expected = Counter({"user.by_ids": 1, "feature.by_ids": 1, "audit.by_ids": 1})

    assert await world.count(NODES, ids=one) == expected
    assert await world.count(NODES, ids=many) == expected
    assert await world.count(NODES, ids=[]) == Counter()
    assert await world.count(NODE, id=one[1]) == Counter({"feature.by_ids": 1})


async def test_a_hundred_ids_are_taken_and_a_hundred_and_one_are_not(world: World, rows: dict[str, Row]) -> None:
    ids = [id_of(rows, "mine"), *(global_id("Feature", uuid4()) for _ in range(99))]

    found = (await world.data(NODES, ids=ids))["nodes"]

    assert [node is not None for node in found] == [True] + [False] * 99
    assert await refusal(world, NODES, ids=[*ids, ids[0]]) == {
        "message": "`ids` must have at most 100 items: it has 101.",
        "code": "BAD_USER_INPUT",
        "argumentPath": ["ids"],
    }


@pytest.mark.parametrize(
    "id",
    [
        "",
        "1",
        "garbage",
        "größe",
        "\0",
        str(KEY),
        base64.b64encode(b"Feature:1").decode(),
        base64.b64encode(f"Feature:{KEY.hex}".encode()).decode(),
        global_id("Feature", KEY) + "=",
        global_id("Feature", KEY)[:-1],
        global_id("Widget", KEY),
        global_id("feature", KEY),
        global_id("", KEY),
    ],
)
async def test_what_is_no_id_of_ours_is_refused_at_its_argument(world: World, rows: dict[str, Row], id: str) -> None:
    for query, variables, argument in (
        (NODE, {"id": id}, "id"),
        (NODES, {"ids": [id_of(rows, "mine"), id]}, "ids"),
    ):
        found = await refusal(world, query, **variables)
        assert found == {"message": NOT_AN_ID, "code": "BAD_USER_INPUT", "argumentPath": [argument]}


async def test_an_id_may_be_a_number_for_graphql_but_is_none_of_ours(world: World) -> None:
    assert (await refusal(world, "{ node(id: 7) { id } }"))["code"] == "BAD_USER_INPUT"
    assert (await refusal(world, "{ feature(id: 7) { id } }"))["argumentPath"] == ["id"]


async def test_the_id_of_another_type_is_refused_where_one_type_is_asked_for(
    world: World, rows: dict[str, Row]
) -> None:
    found = await refusal(world, "query($id: ID!) { feature(id: $id) { id } }", id=world.id_of("user"))

    assert found == {
        "message": "This is the id of another type: Feature is asked for here.",
        "code": "BAD_USER_INPUT",
        "argumentPath": ["id"],
    }


@pytest.mark.parametrize("type", ["User", "Feature", "AuditEntry", "UserAuditEntry", "SecurityEvent"])
async def test_an_id_that_nothing_has_is_null(world: World, type: str) -> None:
    id = global_id(type, uuid4())

    assert await world.data(NODE, id=id) == {"node": None}
    assert await world.data(NODES, ids=[id, id]) == {"nodes": [None, None]}


VISIBLE: dict[Who, set[str]] = {
    "admin": {"mine", "others", "entry of mine", "entry of others", "entry of deleted", "admin", "user", "other"},
    "manager": {"mine", "others", "entry of mine", "entry of others", "entry of deleted", "admin", "user", "other"},
    "viewer": {"mine", "others", "entry of mine", "entry of others", "entry of deleted"},
    "user": {"mine", "entry of mine", "entry of deleted", "user"},
    "other": {"others", "entry of others", "other"},
}


@pytest.mark.parametrize("who", VISIBLE)
async def test_what_may_not_be_seen_is_null_and_a_deleted_feature_is_not_found(
    world: World, rows: dict[str, Row], who: Who
) -> None:
    ids = {name: id_of(rows, name) for name in rows} | {name: world.id_of(name) for name in ("admin", "user", "other")}

    found = (await world.data(NODES, who, ids=list(ids.values())))["nodes"]

    assert {name for name, node in zip(ids, found, strict=True) if node} == VISIBLE[who]
    for name, id in ids.items():
        assert ((await world.data(NODE, who, id=id))["node"] is not None) == (name in VISIBLE[who])


async def test_a_guest_is_asked_who_it_is(world: World, rows: dict[str, Row]) -> None:
    id = id_of(rows, "mine")

    for query, variables in ((NODE, {"id": id}), (NODES, {"ids": [id]})):
        assert (await refusal(world, query, "guest", **variables))["code"] == "UNAUTHENTICATED"
    assert await world.data("{ viewer { id } }", "guest") == {"viewer": None}
