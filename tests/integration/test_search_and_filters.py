"""Search and filters of features: which rows each finds, and which values are refused."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
import pytest_asyncio

from app.kernel.ids import global_id
from tests.fixtures.reading import copy, feature_row, opened_world
from tests.fixtures.servers import Servers
from tests.fixtures.world import BIRTH, Who, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

# name, description, status, tags, category, minutes after BIRTH
ROWS: list[tuple[str, str | None, str, list[str], str | None, int]] = [
    ("Grid", "Two-dimensional layout for CSS.", "ACTIVE", ["baseline-high"], "css", 0),
    ("Subgrid", "A CSS grid inside of a grid.", "ACTIVE", ["baseline-low"], "css", 1),
    ("Masonry", "Lays out cards; once a kind of grid for CSS.", "INACTIVE", ["limited"], "css", 2),
    ("Dialog", "An element of HTML that opens a window.", "ACTIVE", ["baseline-high", "a|b"], "html", 3),
    ("Fetch", None, "ARCHIVED", ["网络"], "js", 4),
    ("Marquee", "HTML text that moves.", "DELETED", [], "html", 5),
    ("größe 网格", "Café straße", "INACTIVE", [], None, 6),
    ("Running", "It runs and ran.", "INACTIVE", ["css"], "", 7),
]
LIVE = [row[0] for row in ROWS if row[2] != "DELETED"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with opened_world(servers, template, tmp_path_factory.mktemp("data")) as world:
        rows = [
            feature_row(
                world.users["user" if place % 2 else "other"],
                name,
                BIRTH + timedelta(minutes=minutes),
                updated_at=BIRTH + timedelta(hours=1, minutes=minutes),
                description=description,
                status=status,
                metadata=orjson.dumps({"tags": tags} | ({} if category is None else {"category": category})).decode(),
            )
            for place, (name, description, status, tags, category, minutes) in enumerate(ROWS)
        ]
        await copy(world, "features", rows)
        yield world


QUERY = """query($filter: FeatureFilter) { features(filter: $filter, orderBy: {field: CREATED_AT, direction: ASC}) {
  nodes { name } totalCount } }"""


async def names(world: World, who: Who = "admin", **filter: Any) -> list[str]:
    """In the order of ROWS; as many as are counted."""
    found = (await world.data(QUERY, who, filter=filter))["features"]
    assert found["totalCount"] == len(found["nodes"])
    return [node["name"] for node in found["nodes"]]


async def refused(world: World, *path: str, **filter: object) -> str:
    """The message; nothing was read."""
    world.statements.clear()
    answer = await world.ask(QUERY, filter=filter)
    [error] = answer["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argumentPath": ["filter", *path]}
    assert not {"feature.page", "feature.count"} & set(world.statements)
    message: str = error["message"]
    return message


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("css grid", ["Grid", "Subgrid", "Masonry"]),
        ("grid css", ["Grid", "Subgrid", "Masonry"]),
        ("CSS GRID", ["Grid", "Subgrid", "Masonry"]),
        ('"css grid"', ["Subgrid"]),
        ('"grid css"', []),
        ("css -grid", ["Running"]),
        ("-grid", ["Dialog", "Fetch", "größe 网格", "Running"]),
        ("html or subgrid", ["Subgrid", "Dialog"]),
        ("subgrid or dialog or fetch", ["Subgrid", "Dialog", "Fetch"]),
        ('"opens a window" or "kind of grid"', ["Masonry", "Dialog"]),
        ("run", ["Running"]),  # in English, words have forms
        ("grids", ["Grid", "Subgrid", "Masonry"]),
        ("baseline", ["Grid", "Subgrid", "Dialog"]),  # in the tags
        ("网格", ["größe 网格"]),
        ("网络", ["Fetch"]),
        ("GRÖSSE", []),
        ("GRÖßE", ["größe 网格"]),
        ("café", ["größe 网格"]),
        ("nothing", []),
        ("category html", []),  # the category is no text to search
    ],
)
async def test_search_finds_words_in_names_tags_and_descriptions(world: World, search: str, found: list[str]) -> None:
    assert await names(world, search=search) == found


@pytest.mark.parametrize(
    "search", ["the", "and of the", '"', "-", "--", "()&|!:*'\\", "'; DROP TABLE features; --", "\u200b"]
)
async def test_what_holds_no_word_finds_nothing(world: World, search: str) -> None:
    assert await names(world, search=search) == []


@pytest.mark.parametrize("search", ["", " ", "\t\n ", "\u3000", None])
async def test_a_blank_search_is_none(world: World, search: str | None) -> None:
    assert await names(world, search=search) == LIVE


async def test_search_takes_500_characters_and_no_more(world: World) -> None:
    padded = "grid " + "\U0001f680" * 495

    assert await names(world, search=padded.replace("\U0001f680", " ")) == ["Grid", "Subgrid", "Masonry"]
    assert await names(world, search="grid or " + "x" * 492) == ["Grid", "Subgrid", "Masonry"]
    assert await names(world, search="-grid or " * 55) == ["Dialog", "Fetch", "größe 网格", "Running"]
    for long in (padded + "x", " " * 500 + "x", "grid" + "\0"):
        message = await refused(world, "search", search=long)
        assert message == "`search` must have at most 500 characters, and none of them NUL."


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({}, LIVE),
        ({"status": ["ACTIVE"]}, ["Grid", "Subgrid", "Dialog"]),
        ({"status": ["ARCHIVED", "DELETED", "ARCHIVED"]}, ["Fetch", "Marquee"]),
        ({"status": ["ACTIVE"], "includeDeleted": True}, ["Grid", "Subgrid", "Dialog"]),
        ({"includeDeleted": True}, [row[0] for row in ROWS]),
        ({"includeDeleted": False}, LIVE),
        ({"includeDeleted": None}, LIVE),
        ({"category": ["html"]}, ["Dialog"]),
        ({"category": ["html", "js"], "includeDeleted": True}, ["Dialog", "Fetch", "Marquee"]),
        ({"category": ["HTML"]}, []),
        ({"category": [""]}, ["Running"]),
        ({"tags": ["a|b", "limited"]}, ["Masonry", "Dialog"]),
        ({"tags": ["网络"]}, ["Fetch"]),
        ({"tags": ["baseline-high"], "category": ["css"]}, ["Grid"]),
        ({"tags": ["baseline-high"], "search": "window", "status": ["ACTIVE"]}, ["Dialog"]),
        ({"tags": ["none"] * 99 + ["limited"]}, ["Masonry"]),
        ({"category": [f"no {number}" for number in range(99)] + ["js"]}, ["Fetch"]),
        ({"status": None, "category": None, "tags": None, "ownerId": None, "createdAt": None}, LIVE),
    ],
)
async def test_every_condition_that_is_given_must_hold(world: World, filter: Any, found: list[str]) -> None:
    assert await names(world, **filter) == found


@pytest.mark.parametrize("name", ["status", "category", "tags"])
async def test_one_of_nothing_is_nothing(world: World, name: str) -> None:
    nothing: dict[str, Any] = {name: []}

    assert await names(world, **nothing) == []
    assert await names(world, **nothing, includeDeleted=True) == []


@pytest.mark.parametrize("name", ["category", "tags"])
async def test_a_list_of_more_than_a_hundred_or_with_a_nul_is_refused(world: World, name: str) -> None:
    for items in (["x"] * 101, ["x", "a\0b"]):
        assert await refused(world, name, **{name: items}) == f"`{name}` must have at most 100 items, without NUL."


async def test_an_owner_is_found_by_id_and_by_nothing_else(world: World) -> None:
    own = [row[0] for place, row in enumerate(ROWS) if place % 2 == 0]

    assert await names(world, ownerId=world.id_of("other"), includeDeleted=True) == own
    assert await names(world, ownerId=global_id("User", world.users["viewer"])) == []
    for id in ("", "garbage", str(world.users["other"]), global_id("Feature", world.users["other"])):
        assert "id" in await refused(world, "ownerId", ownerId=id)


async def test_a_filter_never_reaches_beyond_what_may_be_seen(world: World) -> None:
    assert await names(world, "user", ownerId=world.id_of("other")) == []
    assert await names(world, "user", search="grid") == ["Subgrid"]
    assert await names(world, "user", includeDeleted=True) == [row[0] for row in ROWS[1::2]]


def at(minutes: int, microseconds: int = 0) -> str:
    return (BIRTH + timedelta(minutes=minutes, microseconds=microseconds)).isoformat()


async def test_a_span_begins_at_its_first_moment_and_ends_before_its_last(world: World) -> None:
    assert await names(world, createdAt={"from": at(1), "to": at(3)}) == ["Subgrid", "Masonry"]
    assert await names(world, createdAt={"from": at(1, 1), "to": at(3, 1)}) == ["Masonry", "Dialog"]
    assert await names(world, createdAt={"from": at(6)}) == LIVE[-2:]
    assert await names(world, createdAt={"to": at(1)}) == ["Grid"]
    assert await names(world, updatedAt={"from": at(61), "to": at(62)}) == ["Subgrid"]
    assert await names(world, createdAt={"from": at(2), "to": at(2)}) == []
    assert await names(world, createdAt={}) == LIVE
    assert await names(world, createdAt={"from": None, "to": None}) == LIVE
    assert await names(world, createdAt={"from": "2020-01-01T05:46:00+05:45", "to": at(2)}) == ["Subgrid"]
    assert await names(world, createdAt={"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}) == LIVE


async def test_a_span_that_ends_before_it_begins_is_refused(world: World) -> None:
    for name in ("createdAt", "updatedAt"):
        message = await refused(world, name, **{name: {"from": at(3), "to": at(2)}})
        assert message == "`from` must not be later than `to`."


@pytest.mark.parametrize(
    "filter",
    [
        {"status": ["GONE"]},
        {"status": ["active"]},
        {"status": [None]},
        {"category": [7]},
        {"tags": "limited and more", "color": "red"},
        {"createdAt": {"from": "yesterday"}},
        {"createdAt": {"from": "2020-01-01T00:00:00"}},
        {"createdAt": {"from": "2020-01-01"}},
        {"createdAt": {"from": "0001-01-01T00:00:00+14:00"}},
        {"createdAt": {"from": 0}},
        {"includeDeleted": "yes"},
    ],
)
async def test_what_the_schema_does_not_allow_is_refused_before_anything_runs(world: World, filter: Any) -> None:
    answer = await world.ask(QUERY, filter=filter)

    assert "data" not in answer
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}
