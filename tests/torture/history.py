"""What clients did and were told, and what the database holds afterwards: where the two do not fit."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

type Kind = Literal["CREATE", "UPDATE", "ARCHIVE"]
type Outcome = Literal["done", "refused", "unknown"]  # unknown: no answer came, or none that says what was done


@dataclass(slots=True)
class Act:
    """A write. `mark` is the name that a creation gives and the description that an update gives; no two are alike."""

    kind: Kind
    mark: str
    feature: str | None = None  # its id; of a creation once that is known
    expected: int | None = None  # the version that it starts from
    outcome: Outcome = "unknown"
    version: int | None = None  # which the server said that it made


@dataclass(frozen=True, slots=True)
class Entry:
    """Of the trail."""

    feature: str
    version: int
    kind: str
    name: str
    description: str | None


def faults(acts: Sequence[Act], entries: Sequence[Entry]) -> list[str]:
    """One line for each; what rows must be among themselves, `assert_sound` says."""
    return [*_acknowledged_twice(acts), *(line for act in acts for line in _of(act, entries)), *_alone(acts, entries)]


def _of(act: Act, entries: Sequence[Entry]) -> Iterator[str]:
    found = [entry for entry in entries if _made(act, entry)]
    if act.outcome == "done":
        if [(entry.feature, entry.version) for entry in found] != [(act.feature, act.version)]:
            yield f"acknowledged, and {len(found)} times there: {act}, {found}"
    elif act.outcome == "refused" and act.kind != "ARCHIVE" and found:
        yield f"refused, and there: {act}, {found}"
    elif len(found) > 1:
        yield f"{len(found)} times there: {act}, {found}"
    if act.expected is not None and act.kind == "UPDATE" and any(e.version != act.expected + 1 for e in found):
        yield f"done on another version than it was to be: {act}, {found}"


def _made(act: Act, entry: Entry) -> bool:
    if act.kind != entry.kind:
        return False
    if act.kind == "CREATE":
        return entry.name == act.mark
    if act.kind == "UPDATE":
        return entry.description == act.mark
    return entry.feature == act.feature


def _acknowledged_twice(acts: Sequence[Act]) -> Iterator[str]:
    counted = Counter((act.feature, act.version) for act in acts if act.outcome == "done")
    yield from (f"{times} acts were told that they made it: {made}" for made, times in counted.items() if times > 1)


def _alone(acts: Sequence[Act], entries: Sequence[Entry]) -> Iterator[str]:
    marks = {(act.kind, act.mark) for act in acts}
    archived = {act.feature for act in acts if act.kind == "ARCHIVE" and act.outcome != "refused"}
    for entry in entries:
        known = {
            "CREATE": ("CREATE", entry.name) in marks,
            "UPDATE": ("UPDATE", entry.description) in marks,
            "ARCHIVE": entry.feature in archived,
        }
        if not known.get(entry.kind, False):
            yield f"there, and nobody did it: {entry}"
