"""Every page, filter, batch and nested page is read through the index that is meant for it (R40)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import get_args
from uuid import UUID

import pytest
import pytest_asyncio

from app.db import api_token, audit, feature, outbox, outbox_again, security_event, user, user_audit, user_write
from app.db.excerpt import Excerpts
from app.db.keyset import Shape
from app.db.reading import Reading
from app.domain.audit.model import AuditEntry, Parent
from app.domain.feature.model import Direction, Feature, FeatureOrder, FeatureOrderField
from app.kernel.want import Outline, Part, Want, Wanted
from tests.fixtures.events import announce
from tests.fixtures.plans import RUNS, Planner, filled_planner
from tests.fixtures.reading import opened_world
from tests.fixtures.servers import Servers

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIELDS: tuple[FeatureOrderField, ...] = get_args(FeatureOrderField.__value__)
DIRECTIONS: tuple[Direction, ...] = get_args(Direction.__value__)
SHAPES = [Shape(*given) for given in product((False, True), repeat=3)]
PLANNED_ONCE = RUNS - 5
FIRST_PAGE = Shape(after=False, before=False, backward=False)
BIG_OWNER = "SELECT id FROM users WHERE name = 'person 1'"
SOME_USERS = "SELECT id FROM users WHERE name LIKE 'person %' ORDER BY created_at LIMIT 50 OFFSET 1"
SOME_FEATURES = "SELECT id FROM features ORDER BY created_at LIMIT 50 OFFSET 9000"
SOME_ENTRIES = "SELECT id FROM audit_entries ORDER BY created_at LIMIT 50 OFFSET 9000"
DAY = datetime(2022, 1, 1, tzinfo=UTC)
AVERAGE_USER = "SELECT id FROM users WHERE name = 'person 7'"
THIS_DAY = {"created_from": DAY, "created_until": DAY + timedelta(days=1)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def planner(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Planner]:
    async with opened_world(servers, template, tmp_path_factory.mktemp("data")) as world:
        yield await filled_planner(world)


async def keys(planner: Planner, query: str) -> list[UUID]:
    return [row[0] for row in await planner.world.owner.fetch(query)]


def of_owner(field: FeatureOrderField, live: tuple[str, ...]) -> set[str]:
    """Names of live features stand in two indexes in the same order."""
    found = {f"features_of_owner_by_{field.lower()}"}
    return found | {"features_name_unique"} if live and field == "NAME" else found


def entries_of(index: str | None) -> set[str]:
    """In a month that a cursor leaves out the planner may take the index of the time: it finds nothing there."""
    return {"audit_entries_by_created_at"} | ({index} if index else set())


async def bounds(planner: Planner, table: str, sort: str, direction: str, where: str = "true") -> dict[str, object]:
    """Cursors of the 300th row of a list and of the 600th."""
    rows = await planner.world.owner.fetch(
        f"SELECT {sort}, id FROM {table} WHERE {where} ORDER BY {sort} {direction}, id {direction} LIMIT 600"
    )
    (after_sort, after_id), (before_sort, before_id) = rows[299], rows[599]
    return {"after_sort": after_sort, "after_id": after_id, "before_sort": before_sort, "before_id": before_id}


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("field", FIELDS)
async def test_every_page_of_all_features_walks_the_index_of_its_order(
    planner: Planner, field: FeatureOrderField, direction: Direction
) -> None:
    given = await bounds(planner, "features", field.lower(), direction)

    for shape, names in product(SHAPES, (("live",), ())):
        statement = feature.page_statement(
            names, FeatureOrder(field, direction), shape, False, feature.READINGS.of(None)
        )
        found = await planner.indexes(statement, size=21, live=True, **given)
        assert found == {f"features_by_{field.lower()}"}, (shape, names)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", ["visible_to", "owner_id"])
async def test_every_page_of_one_owner_walks_the_owners_index_of_its_order(
    planner: Planner, name: str, field: FeatureOrderField, direction: Direction
) -> None:
    [owner_id] = await keys(planner, BIG_OWNER)
    given = await bounds(planner, "features", field.lower(), direction, f"owner_id = '{owner_id}'")

    for shape, live in product(SHAPES, (("live",), ())):
        statement = feature.page_statement(
            (*live, name), FeatureOrder(field, direction), shape, False, feature.READINGS.of(None)
        )
        found = await planner.indexes(statement, size=21, live=True, **{name: owner_id}, **given)
        assert found and found <= of_owner(field, live), (shape, live, found)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("field", FIELDS)
async def test_every_page_of_many_owners_walks_the_owners_index_of_its_order_once_for_each(
    planner: Planner, field: FeatureOrderField, direction: Direction
) -> None:
    owners = await keys(planner, SOME_USERS)
    given = await bounds(planner, "features", field.lower(), direction)

    for shape, names in product(SHAPES, (("live",), ())):
        statement = feature.page_statement(
            names, FeatureOrder(field, direction), shape, True, feature.READINGS.of(None)
        )
        found = await planner.indexes(statement, size=6, ids=owners, live=True, **given)
        assert found and found <= of_owner(field, names), (shape, names, found)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("field", FIELDS)
async def test_pages_without_filters_are_planned_once_and_well(
    planner: Planner, field: FeatureOrderField, direction: Direction
) -> None:
    [owner_id], owners = await keys(planner, BIG_OWNER), await keys(planner, SOME_USERS)
    features, order = await keys(planner, SOME_FEATURES), FeatureOrder(field, direction)
    given = {**await bounds(planner, "features", field.lower(), direction), "visible_to": owner_id}
    reading, live = feature.READINGS.of(None), ("live",)

    for shape in (FIRST_PAGE, Shape(after=True, before=False, backward=False)):
        page = feature.page_statement(live, order, shape, False, reading)
        assert await planner.known(page, size=21, **given) == ({f"features_by_{field.lower()}"}, PLANNED_ONCE)
        for statement in (
            feature.page_statement((*live, "visible_to"), order, shape, False, reading),
            feature.page_statement(live, order, shape, True, reading),
        ):
            found, taken = await planner.known(statement, size=6, ids=owners, **given)
            assert found and found <= of_owner(field, live), (shape, found)
            assert taken == PLANNED_ONCE
    trails = audit.page_statement((), FIRST_PAGE, "feature", audit.READINGS.of(None))
    assert await planner.known(trails, size=6, ids=features) == ({"audit_entries_of_feature"}, PLANNED_ONCE)


async def test_pages_with_filters_are_planned_for_what_is_looked_for(planner: Planner) -> None:
    page = audit.page_statement(("action",), FIRST_PAGE, None, audit.READINGS.of(None))

    _, taken = await planner.known(page, size=21, action=["CREATE"])  # of which there are so many; a REVERT is rare

    assert taken == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"category": ["category 7"]}, "features_by_category"),
        ({"category": ["category 7", "category 8"]}, "features_by_category"),
        ({"tags": ["tag 3", "tag 5"]}, "features_by_tags"),
        ({"search": "word7"}, "features_by_search"),
        (THIS_DAY, "features_by_created_at"),
        ({"updated_from": DAY, "updated_until": DAY + timedelta(days=1)}, "features_by_updated_at"),
    ],
    ids=lambda given: "+".join(given) if isinstance(given, dict) else "",
)
async def test_every_filter_that_leaves_few_features_uses_its_index(
    planner: Planner, values: dict[str, object], expected: str
) -> None:
    names = ("live", *values)
    page = feature.page_statement(names, FeatureOrder("NAME", "ASC"), FIRST_PAGE, False, feature.READINGS.of(None))
    count = feature.count_statement(names, False)

    assert await planner.indexes(page, size=21, live=True, **values) == {expected}
    assert await planner.indexes(count, live=True, **values) == {expected}


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("field", FIELDS)
async def test_every_slice_of_ones_own_features_walks_the_owners_indexes(
    planner: Planner, field: FeatureOrderField, direction: Direction
) -> None:
    [owner_id] = await keys(planner, BIG_OWNER)
    for visible in ((), ("visible_to",)):
        statement = feature.slice_statement((*visible, "owner_id", "status"), FeatureOrder(field, direction))
        for skipped in (0, 300):
            given = {"owner_id": owner_id, "visible_to": owner_id, "status": ["INACTIVE"]}
            found = await planner.indexes(statement, size=20, skipped=skipped, **given)
            counted = "features_of_owner_by_status"
            assert counted in found and found <= {counted} | of_owner(field, ("live",)), (visible, found)


@pytest.mark.parametrize(
    ("values", "index"),
    [
        ({"category": ["category 7"]}, "features_by_category"),
        ({"tags": ["tag 3"]}, "features_by_tags"),
        ({"search": "word7"}, "features_by_search"),
    ],
    ids=lambda given: "+".join(given) if isinstance(given, dict) else "",
)
async def test_every_filter_of_a_slice_uses_its_index_or_the_owners(
    planner: Planner, values: dict[str, object], index: str
) -> None:
    [owner_id] = await keys(planner, BIG_OWNER)
    statement = feature.slice_statement(("owner_id", "status", *values), FeatureOrder())
    given = {"owner_id": owner_id, "status": ["INACTIVE"], **values}
    found = await planner.indexes(statement, size=20, skipped=0, **given)
    owners = {"features_of_owner_by_status", "features_of_owner_by_created_at"}
    assert index in found and found <= {index, *owners}


async def test_entry_of_a_version_is_found_by_its_feature(planner: Planner) -> None:
    [id] = (await keys(planner, SOME_FEATURES))[:1]
    statement = audit.page_statement(("version",), FIRST_PAGE, "feature", audit.READINGS.of(None))
    found = await planner.indexes(statement, size=2, ids=[id], version=1)
    assert "audit_entries_of_feature" in found and found <= entries_of("audit_entries_of_feature")


async def test_a_status_is_counted_by_its_index(planner: Planner) -> None:
    [owner_id] = await keys(planner, BIG_OWNER)
    every, own = feature.count_statement(("status",), False), feature.count_statement(("visible_to", "status"), False)

    assert await planner.indexes(every, status=["ARCHIVED"]) == {"features_by_status"}
    assert await planner.indexes(own, status=["ARCHIVED"], visible_to=owner_id) == {"features_of_owner_by_status"}


@pytest.mark.parametrize(
    ("name", "index"),
    [
        (None, None),
        ("visible_to", "audit_entries_of_owner"),
        ("actor_id", "audit_entries_of_actor"),
    ],
)
async def test_every_page_of_entries_walks_the_index_of_whom_it_is_about(
    planner: Planner, name: str | None, index: str | None
) -> None:
    [owner_id] = await keys(planner, AVERAGE_USER)
    given = await bounds(planner, "audit_entries", "created_at", "DESC")
    values = {} if name is None else {name: owner_id}

    for shape in SHAPES:
        statement = audit.page_statement(tuple(values), shape, None, audit.READINGS.of(None))
        found = await planner.indexes(statement, size=21, **values, **given)
        assert (index is None or index in found) and found <= entries_of(index), (shape, found)


@pytest.mark.parametrize(
    ("parent", "query", "index"),
    [("feature", SOME_FEATURES, "audit_entries_of_feature"), ("actor", SOME_USERS, "audit_entries_of_actor")],
)
async def test_every_page_of_entries_of_many_parents_walks_their_index_once_for_each(
    planner: Planner, parent: Parent, query: str, index: str
) -> None:
    ids = await keys(planner, query)
    given = await bounds(planner, "audit_entries", "created_at", "DESC")

    for shape in SHAPES:
        statement = audit.page_statement((), shape, parent, audit.READINGS.of(None))
        found = await planner.indexes(statement, size=6, ids=ids, **given)
        assert index in found and found <= entries_of(index), (shape, found)
    assert await planner.indexes(audit.count_statement((), parent), ids=ids[:5]) == {index}


async def test_every_filter_that_leaves_few_entries_uses_its_index(planner: Planner) -> None:
    [owner_id] = await keys(planner, AVERAGE_USER)
    start = datetime.now(UTC) - timedelta(days=200)
    span: dict[str, object] = {"created_from": start, "created_until": start + timedelta(days=1)}

    async def indexes(values: dict[str, object]) -> list[set[str]]:
        page = audit.page_statement(tuple(values), FIRST_PAGE, None, audit.READINGS.of(None))
        count = audit.count_statement(tuple(values), None)
        return [await planner.indexes(page, size=21, **values), await planner.indexes(count, **values)]

    assert await indexes({"action": ["REVERT"]}) == [{"audit_entries_by_action"}] * 2
    assert await indexes({"action": ["REVERT", "RESTORE"]}) == [{"audit_entries_by_action"}] * 2
    assert await indexes({"actor_id": owner_id}) == [{"audit_entries_of_actor"}] * 2
    assert await indexes({"visible_to": owner_id}) == [{"audit_entries_of_owner"}] * 2
    assert await indexes(span) == [{"audit_entries_by_created_at"}] * 2


async def test_every_page_of_users_walks_the_index_of_their_order(planner: Planner) -> None:
    [user_id] = await keys(planner, BIG_OWNER)
    given = {name: DAY if "sort" in name else user_id for name in await bounds(planner, "features", "id", "ASC")}

    for shape in SHAPES:
        assert await planner.indexes(user.page_statement(False, shape), size=21, **given) == {"users_by_created_at"}
    assert await planner.indexes(user.page_statement(True, FIRST_PAGE), size=21, visible_to=user_id) == {"users_pkey"}


@pytest.mark.parametrize("shape", SHAPES)
async def test_whoever_comes_along_with_a_page_is_found_by_primary_key(planner: Planner, shape: Shape) -> None:
    owners, features = await keys(planner, SOME_USERS), await keys(planner, SOME_FEATURES)
    given = await bounds(planner, "features", "created_at", "DESC")

    async def of_pages(
        reading: Reading[Feature] | Excerpts, entries: Reading[AuditEntry] | Excerpts, **words: object
    ) -> list[set[str]]:
        page = feature.page_statement(("live",), FeatureOrder(), shape, False, reading)
        pages = feature.page_statement(("live",), FeatureOrder(), shape, True, reading)
        trails = audit.page_statement((), shape, "feature", entries)
        return [
            await planner.indexes(page, size=21, live=True, **given, **words),
            await planner.indexes(pages, size=6, live=True, ids=owners, **given, **words),
            await planner.indexes(trails, size=6, ids=features, **given, **words),
        ]

    async def indexes(want: Want) -> list[set[str]]:
        reading = feature.READINGS.of(want)
        return [
            *await of_pages(reading, audit.READINGS.of(want)),
            await planner.indexes(feature.by_ids_statement(reading, True), of_id=features[0]),
            await planner.indexes(feature.by_ids_statement(reading, False), ids=features[:2]),
        ]

    alone = await indexes(None)
    along = [found | {"users_pkey"} for found in alone]
    assert await indexes(Wanted(frozenset({"owner", "actor"}))) == along
    of_owner, of_actor = outlined("owner"), outlined("actor")
    for written, entries in (
        (feature.READINGS.excerpts(of_owner), audit.READINGS.excerpts(of_actor)),
        (feature.READINGS.texts(of_owner), audit.READINGS.texts(of_actor)),
    ):
        assert written and entries
        assert await of_pages(written[0], entries[0], **entries[1].words, shown=5) == along[:3]


def outlined(along: str) -> Wanted:
    parts = (Part("created_at", False), Part(along, True, (Part("name", False),)))
    return Wanted(frozenset({"has_next_page"}), Outline(parts, ('{"time":', ',"who":', '{"name":', "}", "}")))


async def test_batches_by_id_use_the_primary_key(planner: Planner) -> None:
    [user_id] = await keys(planner, BIG_OWNER)
    owners, features = await keys(planner, SOME_USERS), await keys(planner, SOME_FEATURES)
    entries = await keys(planner, SOME_ENTRIES)

    assert await planner.indexes(feature.by_ids_statement(feature.READINGS.of(None), False), ids=features) == {
        "features_pkey"
    }
    assert await planner.indexes(user.BY_IDS, ids=owners[:3]) == {"users_pkey"}
    assert await planner.indexes(user.ROLE, of_id=user_id) == {"users_pkey"}
    assert await planner.indexes(audit.by_ids_statement(()), ids=entries) == {"audit_entries_pkey"}
    by_name = {"owner_id": user_id, "name": "feature 3"}
    assert await planner.indexes(feature.BY_NAME, **by_name) == {"features_name_unique"}
    assert await planner.indexes(user_write.BY_EMAIL, email="nobody@example.com") <= {
        "users_email_unique_in_any_case",
        "scan of users",  # without that index: it is asked after a refusal alone
    }


async def test_every_page_and_filter_of_security_events_uses_its_index(planner: Planner) -> None:
    [actor_id] = await keys(planner, AVERAGE_USER)
    given = await bounds(planner, "security_events", "created_at", "DESC")
    cases: list[tuple[dict[str, object], str]] = [
        ({}, "security_events_by_created_at"),
        ({**THIS_DAY}, "security_events_by_created_at"),
        ({"kind": ["KEYS_ROTATED"]}, "security_events_by_kind"),
        ({"actor_id": actor_id}, "security_events_of_actor"),
    ]
    for values, index in cases:
        page = security_event.page_statement(tuple(values), FIRST_PAGE)
        assert await planner.indexes(page, size=21, **values) == {index}, values
        if values:
            count = security_event.count_statement(tuple(values))
            assert await planner.indexes(count, **values) == {index}, values
    for shape in SHAPES:
        statement = security_event.page_statement((), shape)
        assert await planner.indexes(statement, size=21, **given) == {"security_events_by_created_at"}, shape


async def test_every_page_of_what_was_done_to_users_walks_their_index_once_for_each(planner: Planner) -> None:
    ids = await keys(planner, SOME_USERS)
    given = await bounds(planner, "user_audit_entries", "created_at", "DESC")

    for shape in SHAPES:
        found = await planner.indexes(user_audit.page_statement(shape), size=6, ids=ids, **given)
        assert found == {"user_audit_entries_of_user"}, shape
    assert await planner.indexes(user_audit.COUNT, ids=ids[:5]) == {"user_audit_entries_of_user"}


async def test_administrators_are_locked_by_the_index_of_administrators(planner: Planner) -> None:
    [user_id] = await keys(planner, AVERAGE_USER)
    assert await planner.indexes(user_write.LOCK, of_id=user_id) == {"users_pkey", "users_admins"}


async def test_every_page_of_tokens_walks_their_users_index_once_for_each(planner: Planner) -> None:
    users = await keys(planner, SOME_USERS)
    given = {"after_sort": DAY, "after_id": users[0], "before_sort": DAY, "before_id": users[0]}

    for shape, of_one in product(SHAPES, (False, True)):
        statement = api_token.page_statement(of_one, shape)
        found = await planner.indexes(statement, size=21, ids=users, visible_to=users[0], **given)
        assert found == {"api_tokens_of_user"}, (shape, of_one)


async def test_a_token_is_found_by_its_hash_and_those_that_live_by_their_user(planner: Planner) -> None:
    [user_id] = await keys(planner, AVERAGE_USER)
    binds = {f"token_{column.name}": None for column in api_token.column} | {"token_user_id": user_id, "limit": 50}
    sent = {"token_created_at": DAY, "token_hash": b"", "token_scopes": []}

    assert await planner.indexes(api_token.BY_HASH, of_hash=b"x" * 32) == {"api_tokens_hash_unique", "users_pkey"}
    assert await planner.indexes(api_token.ADD, **{**binds, **sent}) == {"api_tokens_of_user"}
    for visible_to in (None, user_id):
        assert await planner.indexes(api_token.COUNT, ids=[user_id], visible_to=visible_to) == {"api_tokens_of_user"}
        found = await planner.indexes(api_token.REVOKE, of_id=user_id, at=DAY, visible_to=visible_to)
        assert found == {"api_tokens_pkey"}


async def test_the_relay_reads_the_head_of_a_backlog_and_forgets_it_by_its_key(planner: Planner) -> None:
    owner = planner.world.owner
    await announce(owner, UUID(int=1), *range(1, 10_001))
    await owner.execute("ANALYZE outbox")
    first = await owner.fetchval("SELECT min(id) FROM outbox")

    assert await planner.indexes(outbox.NEXT, most=200) == {"outbox_pkey"}
    assert await planner.indexes(outbox.FORGET, ids=[first, first + 1]) == {"outbox_pkey"}
    assert "outbox_pkey" in await planner.indexes(outbox.WAITING, most=10)
    found = await planner.indexes(outbox_again.AGAIN, after_time=DAY, after_id=UUID(int=0), most=100)
    assert found == {"audit_entries_by_created_at"}
