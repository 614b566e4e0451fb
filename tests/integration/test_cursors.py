"""Cursors over the API: what is no cursor of the list is refused at its argument; one of a row that is gone works."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from app.kernel.ids import global_id
from tests.fixtures.connections import NAMES, Connection, connections, crafted
from tests.fixtures.reading import copy, entry_row, event_row, feature_row, opened_world, token_row, user_entry_row
from tests.fixtures.servers import Servers
from tests.fixtures.world import BIRTH, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

ID = "01890a5dac96774bbcceb302099a8057"
ORDERS = {
    "users": "User.CREATED_AT.ASC",
    "features": "Feature.CREATED_AT.DESC",
    "auditEntries": "AuditEntry.CREATED_AT.DESC",
    "securityEvents": "SecurityEvent.CREATED_AT.DESC",
    "userAuditEntries": "UserAuditEntry.CREATED_AT.DESC",
    "apiTokens": "ApiToken.CREATED_AT.DESC",
}
NAMED = ["B", "a", "a|b||", "|", "zé", "中文 名", "\uffee", "\U0001f680 rocket", 'quo"te\\', "1|Feature.NAME.ASC|x"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with opened_world(servers, template, tmp_path_factory.mktemp("data")) as world:
        features = [
            feature_row(world.users["user"], name, BIRTH + timedelta(minutes=number))
            for number, name in enumerate(NAMED)
        ]
        await copy(world, "features", features)
        await copy(world, "audit_entries", [entry_row(features[0], world.users["user"]) for _ in range(3)])
        await copy(world, "user_audit_entries", [user_entry_row(world.users["user"], None)])
        await copy(world, "security_events", [event_row(None)])
        await copy(world, "api_tokens", [token_row(world.users["user"]) for _ in range(3)])
        yield world


async def connection_of(world: World, name: str) -> Connection:
    feature_id = await world.owner.fetchval("SELECT DISTINCT feature_id FROM audit_entries")
    return connections(world.id_of("user"), global_id("Feature", feature_id))[name]


async def a_cursor(world: World, connection: Connection, given: str = "first: 1") -> str:
    data = await world.data(f"{{ {connection.selection(given)} }}")
    cursor: str = connection.page_in(data)["pageInfo"]["endCursor"]
    return cursor


async def check_refused(world: World, connection: Connection, argument: str, cursor: str, given: str = "") -> str:
    """The message; no page was read."""
    query = f"query($cursor: String) {{ {connection.selection(f'{argument}: $cursor {given}')} }}"
    world.statements.clear()
    answer = await world.ask(query, cursor=cursor)
    assert len(answer["errors"]) == 1, answer
    [error] = answer["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argumentPath": [argument]}, cursor
    assert error["path"] == list(connection.path)
    pages = {"feature.page", "audit.page", "user.page", "user_audit.page", "security_event.page", "api_token.page"}
    assert not pages & set(world.statements)
    message: str = error["message"]
    return message


@pytest.mark.parametrize("argument", ["after", "before"])
@pytest.mark.parametrize("name", NAMES)
async def test_what_is_no_cursor_is_refused_everywhere(world: World, name: str, argument: str) -> None:
    connection = await connection_of(world, name)
    order = ORDERS[name.rpartition(".")[2]]
    good = await a_cursor(world, connection)
    place = len(good) // 2
    wrong = [
        "",
        " ",
        "garbage",
        "größe \U0001f680",
        "\0",
        f" {good}",
        f"{good}\n",
        f"{good}=",
        good[:-4],
        good + good,
        good[:place] + "!" + good[place:],
        good.swapcase(),
        crafted(f"{order}|{ID}|0", version="2"),
        crafted(f"{order}|{ID}|"),
        crafted(f"{order}|{ID}|now"),
        crafted(f"{order}|{ID}|\0"),
        crafted(f"{order}|{ID}|253402300800000000"),
        crafted(f"{order}|{ID}|-62135596800000001"),
        crafted(f"{order}|{ID}|{'9' * 4000}"),
        crafted(f"{order}|no id|0"),
        crafted(f"{order}|{ID}|0|0"),
        "A" * 50_000,
    ]

    for cursor in wrong:
        message = await check_refused(world, connection, argument, cursor)
        assert message.startswith("This is not a cursor of this API: give one"), cursor


@pytest.mark.parametrize("name", NAMES)
async def test_a_cursor_of_another_list_is_refused(world: World, name: str) -> None:
    connection, noun = await connection_of(world, name), name.rpartition(".")[2]

    others = [other for other in NAMES if other.rpartition(".")[2] != noun]
    for other in others:
        foreign = await a_cursor(world, await connection_of(world, other))
        message = await check_refused(world, connection, "after", foreign)
        assert message == f"This cursor is of another list or order than {ORDERS[noun]}: start again without it."


@pytest.mark.parametrize("name", ["features", "User.features"])
async def test_a_cursor_of_one_order_is_refused_in_every_other(world: World, name: str) -> None:
    connection = await connection_of(world, name)
    orders = [(field, way) for field in ("CREATED_AT", "UPDATED_AT", "NAME", "STATUS") for way in ("ASC", "DESC")]

    def order_by(field: str, way: str) -> str:
        return f"orderBy: {{field: {field}, direction: {way}}}"

    for made_in in orders:
        cursor = await a_cursor(world, connection, f"first: 1, {order_by(*made_in)}")
        for used_in in orders:
            if used_in != made_in:
                message = await check_refused(world, connection, "before", cursor, order_by(*used_in))
                assert f"than Feature.{'.'.join(used_in)}:" in message


async def test_a_cursor_serves_the_same_order_below_a_user_and_at_the_root(world: World) -> None:
    root, below = await connection_of(world, "features"), await connection_of(world, "User.features")
    cursor = await a_cursor(world, root, "first: 3")

    [after_root, after_below] = [
        connection.page_in(await world.data(f"{{ {connection.selection(f'''after: "{cursor}" ''')} }}"))
        for connection in (root, below)
    ]

    assert after_root == after_below
    assert len(after_root["nodes"]) == len(NAMED) - 3


@pytest.mark.parametrize("way", ["ASC", "DESC"])
async def test_names_of_any_characters_are_paged_by_code_points(world: World, way: str) -> None:
    order = f"{{field: NAME, direction: {way}}}"
    query = f"""query($after: String) {{ features(first: 1, after: $after, orderBy: {order}) {{
        nodes {{ name }} pageInfo {{ hasNextPage hasPreviousPage endCursor }} }} }}"""
    names: list[str] = []
    after: Any = None
    while True:
        page = (await world.data(query, after=after))["features"]
        names += [node["name"] for node in page["nodes"]]
        assert page["pageInfo"]["hasPreviousPage"] == (len(names) > 1)
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]

    assert names == sorted(NAMED, reverse=way == "DESC")


@pytest.mark.parametrize("value", ["", "\U0010ffff" * 300, "a" * 5000, "'; DROP TABLE features; --"])
async def test_a_name_that_no_feature_has_is_a_place_all_the_same(world: World, value: str) -> None:
    cursor = crafted(f"Feature.NAME.ASC|{ID}|{value}")

    page = (
        await world.data(
            "query($c: String) { features(after: $c, orderBy: {field: NAME, direction: ASC}) { nodes { name } } }",
            c=cursor,
        )
    )["features"]

    assert [node["name"] for node in page["nodes"]] == [name for name in sorted(NAMED) if name > value]


@pytest.mark.parametrize(("microseconds", "count"), [(253402300799999999, len(NAMED)), (-62135596800000000, 0)])
async def test_the_first_moment_and_the_last_are_places(world: World, microseconds: int, count: int) -> None:
    cursor = crafted(f"Feature.CREATED_AT.DESC|{ID}|{microseconds}")

    page = (await world.data("query($c: String) { features(after: $c) { nodes { id } } }", c=cursor))["features"]

    assert len(page["nodes"]) == count


@pytest.mark.parametrize("gone", ["deleted", "removed"])
@pytest.mark.parametrize(
    ("name", "order"), [("features", ""), ("User.features", ", orderBy: {field: NAME, direction: ASC}")]
)
async def test_a_cursor_of_a_row_that_is_gone_still_works(world: World, gone: str, name: str, order: str) -> None:
    connection = await connection_of(world, name)
    before = connection.page_in(await world.data(f"{{ {connection.selection('first: 100' + order)} }}"))
    made = feature_row(world.users["user"], "passing", BIRTH + timedelta(minutes=3, seconds=30))
    await copy(world, "features", [made])
    rows = connection.page_in(await world.data(f"{{ {connection.selection('first: 100' + order)} }}"))["edges"]
    [place] = [place for place, edge in enumerate(rows) if edge["node"]["id"] == global_id("Feature", made["id"])]
    cursor = rows[place]["cursor"]
    assert 0 < place < len(rows) - 1

    if gone == "deleted":
        deleted = "status = 'DELETED', status_before_delete = 'INACTIVE', deleted_at = now()"
        await world.owner.execute(f"UPDATE features SET {deleted} WHERE id = $1", made["id"])
    else:
        await world.owner.execute("DELETE FROM features WHERE id = $1", made["id"])

    found = {}
    for window in ("first: 100, after", "last: 100, before"):
        data = await world.data(f"{{ {connection.selection(f'''{window}: "{cursor}" {order}''')} }}")
        found[window] = connection.page_in(data)
    await world.owner.execute("DELETE FROM features WHERE id = $1", made["id"])
    after, behind = found.values()
    assert [*behind["edges"], *after["edges"]] == before["edges"]
    assert (behind["pageInfo"]["hasPreviousPage"], behind["pageInfo"]["hasNextPage"]) == (False, True)
    assert (after["pageInfo"]["hasPreviousPage"], after["pageInfo"]["hasNextPage"]) == (True, False)
