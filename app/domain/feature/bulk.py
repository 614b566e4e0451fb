"""Many writes in one call: what each of them is, and what may come of it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.feature.acts import Act, Settable
from app.domain.feature.events import Change
from app.domain.feature.inputs import FeatureDraft, FeaturePatch
from app.domain.feature.model import Feature
from app.domain.feature.ports import Features, FeatureWork
from app.kernel.cleaning import refuse
from app.kernel.clock import Clock
from app.kernel.errors import DomainError, Problem, Unavailable
from app.kernel.ids import FeatureId, UserId

MAX_ITEMS = 1_000
PATIENCE = timedelta(seconds=30)  # after which no further item is begun


@dataclass(frozen=True, slots=True)
class Creation:
    draft: FeatureDraft


@dataclass(frozen=True, slots=True)
class Update:
    """`expected_version` None: whatever the version is."""

    id: FeatureId
    patch: FeaturePatch
    expected_version: int | None
    status: Settable | None = None


@dataclass(frozen=True, slots=True)
class Doing:
    """An act that needs nothing besides; `expected_version` as of an update."""

    id: FeatureId
    act: Act
    expected_version: int | None


class Undone(DomainError):
    """`culprit`: the place of the item that was refused, counted from 0."""

    code = "UNDONE"

    def __init__(self, culprit: int) -> None:
        super().__init__(f"Nothing was done, since item {culprit} was refused, and all were to be done or none.")
        self.culprit = culprit


type Item = Creation | Update | Doing
type Step = Change | Doing  # what an item comes to, before anything is read
type Outcome = Feature | DomainError


def check_count(count: int) -> None:
    """Raises InvalidInput."""
    if not count:
        refuse([Problem(("items",), "MIN_LENGTH", "`items` must have at least 1 item.", 1)])
    if count > MAX_ITEMS:
        refuse([Problem(("items",), "MAX_LENGTH", f"`items` must have at most {MAX_ITEMS} items.", MAX_ITEMS)])


def check_time(now: datetime, until: datetime) -> None:
    """Raises Unavailable."""
    if now >= until:
        raise Unavailable("There was no time left for this: send fewer at once.")


async def lock(work: FeatureWork, steps: Sequence[Step], visible_to: UserId | None) -> dict[FeatureId, Feature]:
    """All that there is of what the steps name, and the actor may see. Locks go in one order, whoever asks for what:
    features by id, then owners by id; names come last. So works wait for each other, never crosswise."""
    ids = {step.id for step in steps if isinstance(step, Doing)}
    found = dict(await work.fetch_all_for_update(sorted(ids), visible_to))
    owners = {feature.owner_id for feature in found.values()}
    owners |= {step.after.owner_id for step in steps if isinstance(step, Change)}
    await work.lock_owners(sorted(owners))
    return found


async def lock_all(
    items: Sequence[Item], step: Callable[[Item], Step], features: Features, visible_to: UserId | None
) -> None:
    """Of those that are not refused before anything is read: for a transaction that stays open from item to item."""
    steps: list[Step] = []
    for item in items:
        with suppress(DomainError):
            steps.append(step(item))
    async with features.work() as work:
        await lock(work, steps, visible_to)


type Do = Callable[[Item], Awaitable[Feature]]
type Write = Callable[[FeatureWork, Step, Mapping[FeatureId, Feature]], Awaitable[Feature]]


async def one_by_one(items: Sequence[Item], do: Do, now: Clock, until: datetime) -> list[Outcome]:
    """Where one is Unavailable, those behind it are not tried."""
    outcomes: list[Outcome] = []
    for item in items:
        try:
            check_time(now(), until)
            outcomes.append(await do(item))
        except Unavailable as error:
            return [*outcomes, *[error] * (len(items) - len(outcomes))]
        except DomainError as error:
            outcomes.append(error)
    return outcomes


async def all_or_none(
    items: Sequence[Item],
    step: Callable[[Item], Step],
    write: Write,
    features: Features,
    visible_to: UserId | None,
    now: Clock,
    until: datetime,
) -> list[Outcome]:
    """One unit of work: the first that is refused undoes all. Raises Unavailable."""
    steps: list[Step] = []
    written: list[Outcome] = []
    try:
        steps.extend(map(step, items))  # one by one: those before the first that is refused are there
        async with features.work() as work:
            found = await lock(work, steps, visible_to)
            for each in steps:
                check_time(now(), until)
                feature = await write(work, each, found)
                found[feature.id] = feature
                written.append(feature)
    except Unavailable:
        raise
    except DomainError as error:
        culprit = len(steps) if len(steps) < len(items) else len(written)
        return [error if place == culprit else Undone(culprit) for place in range(len(items))]
    return written
