"""The feature service alone: who may do what, what is checked in which order, and what a write hands to its store."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from uuid import UUID

import pytest

from app.domain.feature import acts
from app.domain.feature.inputs import FeatureDraft, FeaturePatch
from app.domain.feature.model import Feature, FeaturePageRequest
from app.domain.feature.service import FeatureService
from app.kernel.actor import GUEST, Actor, Role
from app.kernel.errors import (
    DomainError,
    DuplicateName,
    Forbidden,
    InvalidInput,
    InvalidTransition,
    LimitExceeded,
    NotFound,
    StaleVersion,
    Unauthenticated,
)
from app.kernel.ids import FeatureId, UserId
from app.kernel.page import window
from tests.fixtures.memory import MemoryFeatures

ME, OTHER, NOBODY = UserId(UUID(int=1)), UserId(UUID(int=2)), UserId(UUID(int=3))
START = datetime(2026, 1, 31, 12, tzinfo=UTC)
EVERYTHING = FeaturePageRequest(window(None, None, None, None))


def service(store: MemoryFeatures, actor: Actor | None = None, limit: int = 100) -> FeatureService:
    """Ids count from 100, more for each that the store has; the clock stands still."""
    numbers = count(100 + len(store.rows) + len(store.entries))
    actor = Actor(ME, "USER") if actor is None else actor
    return FeatureService(actor, store, "r1", lambda: START, lambda: UUID(int=next(numbers)), limit)


@pytest.fixture
def store() -> MemoryFeatures:
    return MemoryFeatures({ME, OTHER})


async def made(store: MemoryFeatures, name: str = "Dark mode", owner: UserId = ME) -> Feature:
    """A feature whose making is forgotten."""
    feature = await service(store, Actor(owner, "USER")).create(FeatureDraft(name))
    store.works.clear()
    return feature


async def refused(
    store: MemoryFeatures, attempt: Callable[[], Awaitable[object]], works: list[str]
) -> type[DomainError]:
    """How it is refused, after a look that nothing was written; `works` is how units of work ended meanwhile."""
    before = dict(store.rows), list(store.entries)
    store.works.clear()
    with pytest.raises(DomainError) as raised:
        await attempt()
    assert ((store.rows, store.entries), store.works) == (before, works)
    return type(raised.value)


# Create


async def test_a_created_feature_is_active_and_the_actors_own(store: MemoryFeatures) -> None:
    feature = await service(store).create(FeatureDraft(" Dark mode ", "For the night", {"tags": ["ui"]}))
    assert (feature.owner_id, feature.name, feature.status, feature.version) == (ME, "Dark mode", "ACTIVE", 1)
    assert (feature.id.int, feature.created_at, feature.updated_at) == (100, START, START)
    assert feature.metadata.parse() == {"tags": ["ui"]}
    entry = store.entries[0]
    assert (entry.id.int, entry.action, entry.actor_id, entry.old_values) == (101, "CREATE", ME, None)
    assert store.works == ["committed"]


@pytest.mark.parametrize(
    ("role", "own", "anothers"),
    [
        (None, Unauthenticated, Unauthenticated),
        ("VIEWER", Forbidden, Forbidden),
        ("USER", None, Forbidden),
        ("MANAGER", None, Forbidden),
        ("ADMIN", None, None),
    ],
)
async def test_only_an_administrator_creates_for_another_owner(
    store: MemoryFeatures, role: Role | None, own: type[DomainError] | None, anothers: type[DomainError] | None
) -> None:
    for owner_id, outcome in ((None, own), (OTHER, anothers)):
        asked = service(store, Actor(ME, role) if role else GUEST)
        draft = FeatureDraft(f"of {owner_id}", owner_id=owner_id)
        if outcome is None:
            assert (await asked.create(draft)).owner_id == (owner_id or ME)
        else:
            assert await refused(store, partial(asked.create, draft), []) is outcome


async def test_an_owner_who_does_not_exist_is_not_found_by_an_administrator(store: MemoryFeatures) -> None:
    asked = service(store, Actor(ME, "ADMIN"))
    assert await refused(store, lambda: asked.create(FeatureDraft("a", owner_id=NOBODY)), ["committed"]) is NotFound


async def test_bad_input_opens_no_unit_of_work(store: MemoryFeatures) -> None:
    asked = service(store)
    assert await refused(store, lambda: asked.create(FeatureDraft("", "x" * 2001, [])), []) is InvalidInput


# Change


@pytest.mark.parametrize("act", [acts.update(FeaturePatch(name="b")), acts.ARCHIVE, acts.DELETE, acts.RESTORE])
async def test_who_may_change_whose_feature(store: MemoryFeatures, act: acts.Act) -> None:
    feature = await made(store, owner=OTHER)

    async def outcome(actor: Actor, works: list[str]) -> type[DomainError]:
        return await refused(store, lambda: service(store, actor).change(feature.id, act, None), works)

    assert await outcome(GUEST, []) is Unauthenticated
    assert await outcome(Actor(ME, "VIEWER"), []) is Forbidden
    assert await outcome(Actor(OTHER, "VIEWER"), []) is Forbidden
    assert await outcome(Actor(ME, "USER"), ["undone"]) is NotFound
    for actor in (Actor(OTHER, "USER"), Actor(ME, "MANAGER"), Actor(ME, "ADMIN")):
        store.rows[feature.id] = feature
        assert (await service(store, actor).change(feature.id, act, 1)).id == feature.id


async def test_those_who_may_change_nothing_are_told_so_whatever_they_send(store: MemoryFeatures) -> None:
    feature, bad = await made(store), FeaturePatch(name="")
    for actor, outcome in (
        (GUEST, Unauthenticated),
        (Actor(ME, "VIEWER"), Forbidden),
        (Actor(ME, "USER"), InvalidInput),
    ):
        assert await refused(store, partial(service(store, actor).update, feature.id, bad, 1), []) is outcome


async def test_an_update_is_a_change_by_its_patch(store: MemoryFeatures) -> None:
    feature = await made(store)
    assert (await service(store).update(feature.id, FeaturePatch(name="b"), 1)).name == "b"
    assert (
        await refused(store, partial(service(store).update, feature.id, FeaturePatch(), 1), ["undone"]) is StaleVersion
    )


async def test_a_change_raises_the_version_and_appends_an_entry(store: MemoryFeatures) -> None:
    feature = await made(store)
    changed = await service(store).change(feature.id, acts.DEACTIVATE, 1)
    assert (changed.status, changed.version) == ("INACTIVE", 2)
    assert changed.updated_at == START + timedelta(microseconds=1)  # the clock stood still, time does not
    assert [(entry.action, entry.version) for entry in store.entries] == [("CREATE", 1), ("DEACTIVATE", 2)]


async def test_a_change_of_nothing_is_a_success_without_version_or_entry(store: MemoryFeatures) -> None:
    feature = await made(store)
    for act in (acts.ACTIVATE, acts.RESTORE, acts.update(FeaturePatch()), acts.update(FeaturePatch(name="Dark mode"))):
        assert await service(store).change(feature.id, act, 1) is feature
    assert (len(store.entries), store.works) == (1, ["committed"] * 4)


async def test_a_stale_version_is_refused_with_what_is_there_now(store: MemoryFeatures) -> None:
    feature = await made(store)
    current = await service(store).change(feature.id, acts.update(FeaturePatch(name="Theirs")), 1)
    for act, fields in (
        (acts.update(FeaturePatch(name="Mine")), ["name"]),
        (acts.update(FeaturePatch(name="Theirs")), []),
        (acts.ARCHIVE, ["status"]),
    ):
        for expected in (1, 3, 0, -1):
            with pytest.raises(StaleVersion) as raised:
                await service(store).change(feature.id, act, expected)
            found = raised.value
            assert (found.expected_version, found.current_version, found.current) == (expected, 2, current)
            assert [conflict.field for conflict in found.conflicts] == fields
    assert len(store.entries) == 2


async def test_the_version_is_checked_before_the_transition_and_what_is_seen_before_both(store: MemoryFeatures) -> None:
    feature = await made(store)
    await service(store).change(feature.id, acts.ARCHIVE, None)

    async def outcome(expected: int | None) -> type[DomainError]:
        asked = service(store)
        return await refused(store, lambda: asked.change(feature.id, acts.DEACTIVATE, expected), ["undone"])

    assert await outcome(1) is StaleVersion
    assert await outcome(2) is InvalidTransition
    assert await outcome(None) is InvalidTransition
    await service(store).change(feature.id, acts.DELETE, None)
    assert await outcome(1) is NotFound


async def test_what_is_deleted_is_found_by_restore_alone(store: MemoryFeatures) -> None:
    feature = await made(store)
    await service(store).change(feature.id, acts.DELETE, None)
    for act in (acts.ACTIVATE, acts.DEACTIVATE, acts.ARCHIVE, acts.DELETE, acts.update(FeaturePatch(name="b"))):
        attempt = partial(service(store).change, feature.id, act, None)
        assert await refused(store, attempt, ["undone"]) is NotFound
    assert await service(store).get_many([feature.id]) == [None]
    restored = await service(store).change(feature.id, acts.RESTORE, None)
    assert (restored.status, restored.version, restored.deleted_at) == ("ACTIVE", 3, None)


async def test_a_taken_name_and_a_full_owner_are_refused_and_undone(store: MemoryFeatures) -> None:
    await made(store, "a")
    feature = await made(store, "b")
    asked = service(store, limit=2)
    renaming = acts.update(FeaturePatch(name="a"))
    assert await refused(store, lambda: asked.change(feature.id, renaming, None), ["undone"]) is DuplicateName
    assert await refused(store, lambda: asked.create(FeatureDraft("c")), ["undone"]) is LimitExceeded


# Reads


async def test_get_many_answers_per_id_with_what_the_actor_sees(store: MemoryFeatures) -> None:
    mine, theirs = await made(store, "a"), await made(store, "b", OTHER)
    gone = await made(store, "c")
    store.rows[gone.id] = replace(gone, status="DELETED")
    ids = [theirs.id, FeatureId(NOBODY), mine.id, gone.id, mine.id]
    assert await service(store).get_many(ids) == [None, None, mine, None, mine]
    assert await service(store, Actor(ME, "VIEWER")).get_many(ids) == [theirs, None, mine, None, mine]
    with pytest.raises(Unauthenticated):
        await service(store, GUEST).get_many(ids)


@pytest.mark.parametrize(("role", "visible_to"), [("USER", ME), ("VIEWER", None), ("MANAGER", None), ("ADMIN", None)])
async def test_a_page_is_cut_from_what_the_actor_sees(
    store: MemoryFeatures, role: Role, visible_to: UserId | None
) -> None:
    mine, theirs = await made(store, "a"), await made(store, "b", OTHER)
    asked = service(store, Actor(ME, role))
    page = await asked.page(EVERYTHING)
    assert page.nodes == ([mine] if visible_to else [mine, theirs])
    pages = await asked.pages_of_owners([OTHER, ME], EVERYTHING)
    assert [page.nodes for page in pages] == [[] if visible_to else [theirs], [mine]]
    assert {page.scope.visible_to for page in pages} == {visible_to}
    assert await asked.count_many([page.scope for page in pages]) == [0 if visible_to else 1, 1]


async def test_a_guest_has_no_page(store: MemoryFeatures) -> None:
    with pytest.raises(Unauthenticated):
        await service(store, GUEST).page(EVERYTHING)
    with pytest.raises(Unauthenticated):
        await service(store, GUEST).pages_of_owners([ME], EVERYTHING)
    assert store.asked == []


async def test_a_token_that_may_update_but_not_archive_archives_by_no_update(store: MemoryFeatures) -> None:
    feature = await made(store)
    scopes = frozenset({"features:read", "features:update"})
    narrow = service(store, Actor(ME, "USER", scopes))

    def archive() -> Awaitable[object]:
        return narrow.update(feature.id, FeaturePatch(name="x"), None, "ARCHIVED")

    assert await refused(store, archive, []) is Forbidden
    assert (await narrow.update(feature.id, FeaturePatch(name="x"), None)).name == "x"
