"""Rows that the database writes: an operation that is asked often gets the same bytes as when it was new (ADR 0010)."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import select

from app.db import audit, excerpt, feature
from app.db.statement import Statement
from app.db.tables import features
from app.domain.feature.inputs import FeatureDraft
from app.domain.feature.model import FeaturePageRequest
from app.engine.plans import RARE
from app.kernel.actor import Actor
from app.kernel.ids import global_id
from app.kernel.page import window
from app.kernel.want import Bare, Excerpt, Outline, Part, Wanted
from tests.fixtures.reading import copy, entry_row, feature_row, opened_world
from tests.fixtures.servers import Servers
from tests.fixtures.world import BIRTH, Who, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXTS = ('"', "\\", "a\tb", "\x7f", "é“ 🚀", "\u2028", "</script>", "%s $1 {} '", "plain", "")
SEEN, SEEN_BY_USER = 14, 3  # of the features below, two thirds of which are not deleted, and a quarter the user's
IDS = Statement("feature.ids", select(features.c.id))
TIMES = (0, 1, 10, 500_000, 999_999, 120_000)  # microseconds


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with opened_world(servers, template, tmp_path_factory.mktemp("data")) as world:
        owners = list(world.users.values())
        features = [
            feature_row(
                owners[number % 4],
                f"{text} {number}",
                BIRTH + timedelta(microseconds=TIMES[number % 6], seconds=number),
                description=(text, None, "line\nline")[number % 3],
                status=("ACTIVE", "INACTIVE", "DELETED")[number % 3],
                metadata='{"category": "u\\"i", "tags": ["a", "é\\\\"], "n": 1.50, "deep": {"é": [null, 1e2]}}',
                version=number + 1,
            )
            for number, text in enumerate(TEXTS * 2)
        ]
        entries = [
            entry_row(
                found,
                (owners[place % 4], None)[place % 2],
                BIRTH + timedelta(microseconds=TIMES[place % 6], seconds=place),
                action=("CREATE", "REVERT")[place % 2],
                version=version,
                old_values=(None, '{"name": "\\u001f"}')[version % 2],
            )
            for place, found in enumerate(features)
            for version in range(1, 2 + place % 3)
        ]
        await copy(world, "features", features)
        await copy(world, "audit_entries", entries)
        yield world


FEATURE = """id databaseId name description status metadata category tags version createdAt updatedAt deletedAt
    __typename kind: __typename also: name"""
OPERATIONS = {
    "every field": f"{{ features(first: 100) {{ nodes {{ {FEATURE} }} }} }}",
    "deleted ones": f"{{ features(filter: {{status: [DELETED]}}) {{ nodes {{ {FEATURE} }} }} }}",
    "edges and places": """{ features(first: 7, orderBy: {field: NAME, direction: ASC}) {
        pageInfo { hasNextPage startCursor endCursor } edges { cursor node { name owner { id } } } totalCount } }""",
    "a page from the end": "{ features(last: 3) { pageInfo { hasPreviousPage startCursor } nodes { updatedAt } } }",
    "the trap of N+1": """{ features(first: 20) { pageInfo { hasNextPage endCursor } nodes { id name owner { id name }
        auditEntries(first: 5) { nodes { id action createdAt actor { id name } } } status } } }""",
    "gaps only": "{ features { nodes { auditEntries(first: 1) { nodes { version } totalCount } } } }",
    "two gaps of one edge": """{ features { nodes { a: auditEntries(first: 1) { nodes { version } } name
        b: auditEntries(last: 1) { nodes { action } } } } }""",
    "pages of owners": """{ users { nodes { name features(first: 2) { nodes { name tags owner { role createdAt } }
        pageInfo { endCursor } } } } }""",
    "the trail": """{ auditEntries(first: 50) { nodes { id version action createdAt oldValues newValues metadata
        actor { databaseId role } } } }""",
    "under conditions": """query Q($yes: Boolean = true, $no: Boolean = false) { features { nodes {
        name @include(if: $no) ... on Feature @include(if: $yes) { version } ... on Node { id } } } }""",
    "nothing is left": "query Q($no: Boolean = false) { features { nodes { name @include(if: $no) } } }",
    "an empty page": "{ features(first: 0) { nodes { id } pageInfo { endCursor hasNextPage } } }",
    "an empty page without a place": "{ features(first: 0) { nodes { id } pageInfo { hasNextPage } totalCount } }",
    "edges without a place": "{ features(first: 3) { edges { node { name } } pageInfo { hasNextPage } } }",
    "pages of those who own none": '{ users { nodes { features(filter: {category: ["none"]}) { nodes { id } } } } }',
}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each page that was asked for as excerpts: could all of it be written?"""
    seen: list[bool] = []

    def spied(complete: Callable[[Any], bool]) -> Callable[[Any], bool]:
        def spy(rows: Any) -> bool:
            seen.append(complete(rows))
            return seen[-1]

        return spy

    monkeypatch.setattr("app.db.reading.complete", spied(excerpt.complete))
    monkeypatch.setattr("app.db.reading.complete_texts", spied(excerpt.complete_texts))
    return seen


@pytest.mark.parametrize("who", ["admin", "user", "viewer"])
@pytest.mark.parametrize("name", OPERATIONS)
async def test_what_the_database_writes_is_what_we_would_have_written(
    world: World, written: list[bool], name: str, who: Who
) -> None:
    body = {"query": f"# {who}\n{OPERATIONS[name]}"}  # a text of its own, with runs of its own
    first = (await world.post(body, who)).content
    for _ in range(RARE - 1):
        await world.post(body, who)
    assert not written

    assert (await world.post(body, who)).content == first
    assert written and all(written)
    assert b"errors" not in first


@pytest.mark.parametrize("also", ["edges { node { name } }", "also: nodes { name }"])
async def test_rows_that_are_shown_in_two_ways_are_read(world: World, written: list[bool], also: str) -> None:
    query = f"{{ features(first: 3) {{ nodes {{ name }} {also} }} }}"
    answers = [await world.data(query) for _ in range(RARE + 2)]

    assert len(answers[0]["features"]["nodes"]) == 3 and all(answer == answers[0] for answer in answers)
    assert not written


WINDOW = "first: $first, last: $last, after: $after, before: $before"
PAGES = f"""query Pages($first: Int, $last: Int, $after: String, $before: String) {{
    features({WINDOW}) {{ %s nodes {{ name }} }}
    users(first: 3) {{ nodes {{ features({WINDOW}) {{ nodes {{ name }} %s }} }} }} }}"""
ENDS = "pageInfo { hasNextPage hasPreviousPage }"
SIZES: list[dict[str, int]] = [
    {"first": 4},
    {"last": 4},
    {"first": 99},
    {"last": 99},
    {"first": 0},
    {"first": 5, "last": 2},
]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("ends", [ENDS, ""], ids=["ends", "nobody asks for the ends"])
async def test_rows_of_any_window_are_written_as_one(
    world: World, written: list[bool], size: dict[str, int], ends: str
) -> None:
    edges = (await world.data("{ features(first: 100) { edges { cursor } } }"))["features"]["edges"]
    bounds = [edge["cursor"] for edge in edges]
    windows: list[dict[str, Any]] = [
        {**size, "after": after, "before": before}
        for after in (None, bounds[0], bounds[5], bounds[-1])
        for before in (None, bounds[8], bounds[0])
    ]
    query = PAGES % (ends, ends)
    plain = [await world.data(f"# {size} {number}\n{query}", **each) for number, each in enumerate(windows)]
    assert not written
    for _ in range(RARE):
        await world.data(query, **windows[0])

    assert [await world.data(query, **each) for each in windows] == plain
    assert written and all(written)


ONE = f"""query One($id: ID!) {{ feature(id: $id) {{ {FEATURE} owner {{ id name role }}
    auditEntries(first: 2) {{ nodes {{ version actor {{ name }} }} }} }} }}"""


@pytest.mark.parametrize("who", ["admin", "user", "viewer"])
async def test_one_feature_is_written_too_where_it_may_be_seen(world: World, written: list[bool], who: Who) -> None:
    found = await world.wiring.database.fetch(IDS)
    ids = [global_id("Feature", row[0]) for row in found] + [global_id("Feature", UUID(int=7))]

    async def ask(text: str, id: str) -> bytes:
        return (await world.post({"query": text, "variables": {"id": id}}, who)).content

    for _ in range(RARE):
        await ask(f"# {who}\n{ONE}", ids[0])
    assert not written
    answers = [await ask(f"# {who}\n{ONE}", id) for id in ids]

    seen = sum(b'"feature":null' not in answer for answer in answers)
    assert seen == {"admin": SEEN, "user": SEEN_BY_USER, "viewer": SEEN}[who]
    assert written == [True] * (len(ids) + seen)  # the features, and the pages of those that are seen
    assert answers == [await ask(f"# {who} {number}\n{ONE}", id) for number, id in enumerate(ids)]


CREATE = f"""mutation Create($input: CreateFeatureInput!) {{ createFeature(input: $input) {{
    made: feature {{ {FEATURE} owner {{ id name role }} auditEntries {{ nodes {{ action version }} }} }}
    userErrors {{ code }} }} }}"""
MADE = f"""query Made($id: ID!) {{ made: feature(id: $id) {{ {FEATURE} owner {{ id name role }}
    auditEntries {{ nodes {{ action version }} }} }} }}"""


@pytest.mark.parametrize("who", ["admin", "user"])
async def test_feature_is_written_as_it_is_created(world: World, written: list[bool], who: Who) -> None:
    query = f"# {who}\n{CREATE}"
    for number, text in enumerate(TEXTS):
        name = f"new {who} {number} {''.join(filter(str.isprintable, text))}".strip()
        draft = {"name": name, "description": text, "metadata": {"category": text, "tags": [text, "b"]}}
        payload = (await world.data(query, who, input=draft))["createFeature"]
        assert payload["userErrors"] == []
        made = payload["made"]
        assert (made["name"], made["auditEntries"]["nodes"]) == (
            name,
            [{"action": "CREATE", "version": 1}],
        )
        assert {"made": made} == await world.data(f"# {who} {number}\n{MADE}", who, id=made["id"])
        again = (await world.data(query, who, input=draft))["createFeature"]
        assert again == {"made": None, "userErrors": [{"code": "DUPLICATE_NAME"}]}
    assert written


async def test_feature_that_cannot_be_written_is_read_once_it_is_created(world: World) -> None:
    parts, words = (Part("description", False),), ('{"description":', "}")
    want = Wanted(frozenset({"description"}), Outline(parts, words))
    service = world.wiring.context(Actor(world.users["user"], "USER"), "request", "", 1).feature

    found = await service.create(FeatureDraft("without a description"), want)

    assert (found.name, found.description, found.version) == ("without a description", None, 1)


@pytest.mark.parametrize(
    "selection",
    [
        "owner { email }",  # not everybody may read it
        "owner { auditEntries { totalCount } }",
        "viewerPermissions",
        "auditEntries { nodes { changes { field } } }",
    ],
)
async def test_what_depends_on_who_asks_is_never_written(world: World, selection: str) -> None:
    query = f"{{ features(first: 3) {{ nodes {{ name {selection} }} }} }}"
    answers = [await world.data(query) for _ in range(RARE + 2)]

    assert answers[0]["features"]["nodes"] and all(answer == answers[0] for answer in answers)


async def test_a_row_that_cannot_be_written_is_read(world: World, written: list[bool]) -> None:
    parts, words = (Part("description", False),), ('{"description":', "}")
    want = Wanted(frozenset({"description"}), Outline(parts, words))
    request = FeaturePageRequest(window(100, None, None, None), want=want)

    page = await feature.SqlFeatures(world.wiring.database).fetch_page(request, None)

    assert written == [False]
    assert page.nodes and not any(isinstance(node, Excerpt | Bare) for node in page.nodes)
    assert {node.description for node in page.nodes} >= {None, '"'}


@pytest.mark.parametrize("name", ["email", "password_hash", "search", "disabled_at"])
async def test_only_what_is_named_can_be_written(name: str) -> None:
    def outlined(*parts: Part) -> Wanted:
        return Wanted(frozenset(), Outline(parts, ("",) * 9))

    inside = Part("owner", False, (Part(name, True),))
    assert feature.READINGS.excerpts(outlined(inside)) is None
    assert feature.READINGS.excerpts(outlined(Part(name, True))) is None
    assert audit.READINGS.excerpts(outlined(inside)) is None
    assert feature.READINGS.excerpts(outlined(Part("owner", False, (Part("name", True),)))) is not None


async def test_a_clients_words_are_binds_and_never_text() -> None:
    def excerpts(*words: str) -> Any:
        found = feature.READINGS.excerpts(Wanted(frozenset(), Outline((Part("name", False),), words)))
        assert found
        return found

    one, other = excerpts('{"a":', "}"), excerpts('{"\'; DROP TABLE users; --":', "}")
    assert one[0] is other[0]  # one statement for both
    assert other[1].words == {"word_0": '{"\'; DROP TABLE users; --":', "word_1": "}"}
