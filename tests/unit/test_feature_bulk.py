"""Many writes in one call, by the service alone: what comes of each, what is undone, and what is not even tried."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import pytest

from app.domain.feature import acts
from app.domain.feature.bulk import Creation, Doing, Item, Outcome, Undone, Update
from app.domain.feature.inputs import FeatureDraft, FeaturePatch
from app.domain.feature.model import Feature
from app.domain.feature.service import FeatureService
from app.kernel.actor import GUEST, Actor
from app.kernel.errors import Unauthenticated, Unavailable
from app.kernel.ids import FeatureId, UserId
from tests.fixtures.memory import MemoryFeatures

ME, OTHER = UserId(UUID(int=1)), UserId(UUID(int=2))
START = datetime(2026, 1, 31, 12, tzinfo=UTC)


def service(store: MemoryFeatures, actor: Actor, clock: Iterator[datetime] | None = None) -> FeatureService:
    numbers = count(100 + 2 * len(store.entries))
    now = (lambda: START) if clock is None else (lambda: next(clock))
    return FeatureService(actor, store, "r1", now, lambda: UUID(int=next(numbers)), 3)


@pytest.fixture
def store() -> MemoryFeatures:
    return MemoryFeatures({ME, OTHER})


@pytest.fixture
def mine(store: MemoryFeatures) -> FeatureService:
    return service(store, Actor(ME, "USER"))


def said(outcomes: list[Outcome]) -> list[str]:
    """Of each the status and version, or the refusal."""
    return [
        f"{found.status} {found.version}" if isinstance(found, Feature) else type(found).__name__ for found in outcomes
    ]


def new(name: str, owner_id: UserId | None = None) -> Creation:
    return Creation(FeatureDraft(name, owner_id=owner_id))


async def test_items_come_one_after_the_other_and_each_has_its_own_outcome(
    store: MemoryFeatures, mine: FeatureService
) -> None:
    feature = await mine.create(FeatureDraft("a"))
    theirs = await service(store, Actor(OTHER, "USER")).create(FeatureDraft("theirs"))
    store.works.clear()
    items: list[Item] = [
        Update(feature.id, FeaturePatch(name="b"), 1),
        new("a"),
        new("a"),
        Doing(feature.id, acts.ARCHIVE, 1),
        Doing(feature.id, acts.ARCHIVE, 2),
        Update(feature.id, FeaturePatch(name=""), None),
        Doing(theirs.id, acts.DELETE, None),
        Doing(FeatureId(UUID(int=9)), acts.DELETE, None),
        new("theirs", OTHER),
        Doing(feature.id, acts.DEACTIVATE, None),
    ]
    assert said(await mine.change_many(items, atomic=False)) == [
        "ACTIVE 2",
        "ACTIVE 1",
        "DuplicateName",
        "StaleVersion",
        "ARCHIVED 3",
        "InvalidInput",
        "NotFound",
        "NotFound",
        "Forbidden",
        "InvalidTransition",
    ]
    assert store.works.count("committed") == 3
    assert len(store.entries) == 5


async def test_all_in_one_unit_of_work_see_each_other_and_one_may_be_changed_again(
    store: MemoryFeatures, mine: FeatureService
) -> None:
    feature = await mine.create(FeatureDraft("a"))
    store.works.clear()
    items: list[Item] = [
        Update(feature.id, FeaturePatch(name="b"), 1, "INACTIVE"),
        Doing(feature.id, acts.DELETE, 2),
        Doing(feature.id, acts.RESTORE, 3),
        new("a"),
    ]
    assert said(await mine.change_many(items, atomic=True)) == ["INACTIVE 2", "DELETED 3", "INACTIVE 4", "ACTIVE 1"]
    assert store.works == ["committed"]
    assert [entry.action for entry in store.entries] == ["CREATE", "UPDATE", "DELETE", "RESTORE", "CREATE"]


@pytest.mark.parametrize(
    ("bad", "refusal"),
    [
        (new("a"), "DuplicateName"),
        (new(""), "InvalidInput"),
        (new("theirs", OTHER), "Forbidden"),
        (Doing(FeatureId(UUID(int=9)), acts.DELETE, None), "NotFound"),
        (Doing(FeatureId(UUID(int=100)), acts.DELETE, 7), "StaleVersion"),
        (new("one too many"), "LimitExceeded"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_the_first_refusal_undoes_all_and_the_others_say_so(
    store: MemoryFeatures, mine: FeatureService, bad: Item, refusal: str, place: int
) -> None:
    await mine.create(FeatureDraft("a"))
    good: list[Item] = [new("b"), new("c")]
    if refusal == "LimitExceeded":
        place = 2
    before = dict(store.rows), list(store.entries)
    outcomes = await mine.change_many([*good[:place], bad, *good[place:]], atomic=True)
    expected = ["Undone"] * 3
    expected[place] = refusal
    assert said(outcomes) == expected
    assert {found.culprit for found in outcomes if isinstance(found, Undone)} == {place}
    assert (store.rows, store.entries) == before


async def test_locks_are_asked_for_in_order_and_others_features_are_left_alone(store: MemoryFeatures) -> None:
    of_me = await service(store, Actor(ME, "USER")).create(FeatureDraft("a"))
    of_other = await service(store, Actor(OTHER, "USER")).create(FeatureDraft("b"))
    for actor, owners in ((Actor(OTHER, "ADMIN"), (ME, OTHER)), (Actor(ME, "USER"), (ME,))):
        store.asked.clear()
        items: list[Item] = [Doing(of_other.id, acts.ARCHIVE, None), Doing(of_me.id, acts.ARCHIVE, None)]
        await service(store, actor).change_many(items, atomic=True)
        assert store.asked == [owners]


async def test_guest_is_refused_as_a_whole(store: MemoryFeatures) -> None:
    for atomic in (False, True):
        with pytest.raises(Unauthenticated):
            await service(store, GUEST).change_many([new("a")], atomic=atomic)


async def test_where_time_runs_out_the_rest_is_not_tried_and_of_all_or_none_nothing_is_done(
    store: MemoryFeatures,
) -> None:
    items = [new("a"), new("b"), new("c")]
    slow = (START + timedelta(seconds=11) * number for number in count())
    found = await service(store, Actor(ME, "USER"), slow).change_many(items, atomic=False)
    assert said(found) == ["ACTIVE 1", "Unavailable", "Unavailable"]
    assert len(store.rows) == 1
    slow = (START + timedelta(seconds=8) * number for number in count())
    with pytest.raises(Unavailable):
        await service(store, Actor(ME, "USER"), slow).change_many([new("d"), new("e")], atomic=True)
    assert len(store.rows) == 1
