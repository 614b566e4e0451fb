"""Pages of every connection: their edges and their page information, exact for every window (Relay Connections)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
import pytest_asyncio

from app.kernel.ids import global_id
from tests.fixtures.connections import NAMES, Connection, arguments, connections, page_of
from tests.fixtures.reading import copy, entry_row, event_row, feature_row, opened_world, token_row, user_entry_row
from tests.fixtures.servers import Servers
from tests.fixtures.world import BIRTH, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNTS = {
    "users": 5,
    "securityEvents": 5,
    "features": 106,
    "auditEntries": 107,
    "User.features": 101,
    "User.auditEntries": 102,
    "User.apiTokens": 103,
}
ADMINS_ONLY = ("users", "securityEvents", "User.userAuditEntries")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One user has five tokens and features, one feature with five entries, of which some were made in the same moment;
    another has a hundred and more of all."""
    async with opened_world(servers, template, tmp_path_factory.mktemp("data")) as world:
        few = [
            feature_row(world.users["user"], f"few {number}", BIRTH + timedelta(minutes=number // 2))
            for number in range(5)
        ]
        many = [
            feature_row(world.users["other"], f"many {number}", BIRTH + timedelta(hours=1 + number // 3))
            for number in range(101)
        ]
        entries = [
            entry_row(few[0], world.users["user"], BIRTH + timedelta(seconds=number // 2)) for number in range(5)
        ]
        other = world.users["other"]
        entries += [entry_row(many[0], other, BIRTH + timedelta(days=number // 3)) for number in range(102)]
        await copy(world, "features", few + many)
        await copy(world, "audit_entries", entries)
        changes = [
            user_entry_row(world.users["user"], None, BIRTH + timedelta(seconds=number // 2)) for number in range(5)
        ]
        changes += [user_entry_row(other, other, BIRTH + timedelta(days=number // 3)) for number in range(102)]
        await copy(world, "user_audit_entries", changes)
        await copy(world, "security_events", [event_row(other, BIRTH + timedelta(seconds=n // 2)) for n in range(5)])
        tokens = [token_row(world.users["user"], BIRTH + timedelta(days=number // 2)) for number in range(5)]
        tokens += [token_row(other, BIRTH + timedelta(days=number // 3)) for number in range(103)]
        await copy(world, "api_tokens", tokens)
        yield world


async def connection_of(world: World, name: str, who: str) -> Connection:
    """Below a user: of that one; below a feature: of the one of that user that has entries."""
    feature_id = await world.owner.fetchval(
        "SELECT feature_id FROM audit_entries WHERE owner_id = $1 LIMIT 1", world.users[who]
    )
    return connections(world.id_of(who), global_id("Feature", feature_id))[name]


async def page(world: World, connection: Connection, given: str = "", who: Any = "admin") -> Any:
    return connection.page_in(await world.data(f"{{ {connection.selection(given)} }}", who))


@pytest.mark.parametrize("name", NAMES)
async def test_every_window_on_five_rows_is_cut_and_described_exactly(world: World, name: str) -> None:
    who: Any = "admin" if name in ADMINS_ONLY else "user"  # who sees five of everything
    connection = await connection_of(world, name, "user")
    everything = await page(world, connection, who=who)
    cursors, ids = ([edge[key] for edge in everything["edges"]] for key in ("cursor", "node"))
    rows = [node["id"] for node in ids]
    assert len(set(rows)) == len(set(cursors)) == 5

    sizes = list(product((None, 0, 1, 2, 4, 5, 6), (None, 0, 2, 6)))
    for after, before in product((None, 0, 2, 4), (None, 0, 2, 4)):
        bounds = {"after": cursors[after] if after is not None else None}
        bounds["before"] = cursors[before] if before is not None else None
        for some in (sizes[:14], sizes[14:]):
            asked = [
                connection.selection(arguments({"first": first, "last": last, **bounds}), alias=f"p{number}")
                for number, (first, last) in enumerate(some)
            ]
            data = await world.data("{ " + " ".join(asked) + " }", who)
            for number, (first, last) in enumerate(some):
                nodes, more_after, more_before = page_of(rows, first, last, after, before)
                expected = {
                    "edges": [{"cursor": cursors[rows.index(id)], "node": {"id": id}} for id in nodes],
                    "nodes": [{"id": id} for id in nodes],
                    "pageInfo": {
                        "hasNextPage": more_after,
                        "hasPreviousPage": more_before,
                        "startCursor": cursors[rows.index(nodes[0])] if nodes else None,
                        "endCursor": cursors[rows.index(nodes[-1])] if nodes else None,
                    },
                    "totalCount": 5,
                }
                found = connection.page_in(data, f"p{number}")
                assert found == expected, (first, last, after, before)


@pytest.mark.parametrize("name", NAMES)
async def test_a_hundred_rows_are_a_page_and_twenty_are_one_where_nothing_is_said(world: World, name: str) -> None:
    count = COUNTS.get(name, 102)
    connection = await connection_of(world, name, "other")

    for given, size in (
        ("", 20),
        ("first: null, last: null, after: null, before: null", 20),
        ("first: 100", 100),
        ("last: 100", 100),
        ("first: 100, last: 100", 100),
        ("first: null, last: 3", 3),
        ("first: 3, last: null", 3),
    ):
        found = await page(world, connection, given)
        assert len(found["edges"]) == min(size, count), given
        assert found["totalCount"] == count
        backward = given.startswith(("last", "first: null, last: 3"))
        info = found["pageInfo"]
        assert info["hasNextPage"] == (count > size and not backward), given
        assert info["hasPreviousPage"] == (count > size and backward), given


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("argument", ["first", "last"])
@pytest.mark.parametrize("number", [-1, 101])
async def test_a_number_out_of_bounds_is_refused_with_the_limit(
    world: World, name: str, argument: str, number: int
) -> None:
    connection = await connection_of(world, name, "user")
    world.statements.clear()

    answer = await world.ask(f"{{ {connection.selection(f'{argument}: {number}')} }}")

    [error] = answer["errors"]
    assert error["message"] == f"`{argument}` must be between 0 and 100: it is {number}."
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argumentPath": [argument]}
    assert error["path"] == list(connection.path)
    assert not {"feature.page", "audit.page", "user.page", "user_audit.page", "security_event.page"} & set(
        world.statements
    )


async def test_a_number_that_is_no_int_is_refused_before_anything_runs(world: World) -> None:
    for wrong in (2**31, "5", 1.5, True):
        answer = await world.ask("query($n: Int) { features(first: $n) { totalCount } }", n=wrong)
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert "data" not in answer


async def test_a_list_of_nothing_has_a_page_of_nothing(world: World) -> None:
    empty = {
        "edges": [],
        "nodes": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
        "totalCount": 0,
    }
    for name in ("User.features", "User.auditEntries", "User.userAuditEntries", "User.apiTokens"):
        connection = connections(world.id_of("viewer"), "")[name]
        for given in ("", "first: 0", "first: 5", "last: 5", "first: 5, last: 2"):
            assert await page(world, connection, given) == empty


async def test_guests_have_no_pages(world: World) -> None:
    for name in ("features", "users", "auditEntries", "securityEvents"):
        answer = await world.ask(f"{{ {name} {{ totalCount }} }}", "guest")
        assert answer["data"] in (None, {name: None})
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]


async def test_who_may_see_only_their_own_pages_and_counts_only_their_own(world: World) -> None:
    connection = await connection_of(world, "User.features", "other")

    assert (await page(world, connections("", "")["features"], "first: 100", "user"))["totalCount"] == 5
    assert (await page(world, connections("", "")["auditEntries"], "first: 100", "user"))["totalCount"] == 5
    [only] = (await page(world, connections("", "")["users"], "", "user"))["nodes"]
    assert only == {"id": world.id_of("user")}
    assert await world.data(f"{{ {connection.selection('')} }}", "user") == {"node": None}
