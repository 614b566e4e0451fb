"""What of an object will be looked at, so that no more of it is read; and what a store may hand out in its place."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.kernel.cursor import Position

GAP = "\x1f"  # where a value will be put into an excerpt's text: JSON never holds this character as it is
ENDS = ("has_next_page", "has_previous_page")


@dataclass(frozen=True, slots=True)
class Part:
    """One value of an object, by its field's name, as JSON; or another object that it names, with `parts` of its own.
    Where it may not be null and is, there is no excerpt. `small`: a code, in small letters."""

    name: str
    nullable: bool
    parts: tuple["Part", ...] = ()
    small: bool = False


@dataclass(frozen=True, slots=True)
class Outline:
    """Of a JSON object: `words` stand before each part, depth first, at the end of each object that is named, and at
    the very end. They are a client's: no store may take them for anything but text."""

    parts: tuple[Part, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """`names` of a domain object's fields, and of a page's. Among them may be an object that it names (a feature's
    `owner`): then that comes along in the same statement, with the fields that are named as `owner.name`.

    With an `outline`, a store may give Excerpts instead of the objects of a page, all or none; or, where `bare`, a Bare
    for all of them.
    """

    names: frozenset[str]
    outline: Outline | None = None
    _hash: int = field(init=False, repr=False, compare=False)  # requests that hold it are looked up at every run

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.names, self.outline)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def places(self) -> bool:
        """Will anybody ask for a row's place in the order?"""
        return not self.names.isdisjoint(("cursor", "start_cursor", "end_cursor"))

    @property
    def ends(self) -> bool:
        """Will anybody ask whether there are rows beyond a page?"""
        return not self.names.isdisjoint(ENDS)

    @property
    def bare(self) -> bool:
        """Is the text of the nodes, one after the other, all that will be looked at?"""
        if self.outline is None or self.places or "edges" in self.names:
            return False
        return not any(GAP in word for word in self.outline.words)


type Want = Wanted | None  # None: every field, nobody along, and no excerpts


class Excerpt(NamedTuple):
    """What is wanted of an object, written by the store; `sort` is its place in the order, where that is wanted."""

    id: UUID
    text: str
    sort: datetime | str | None

    @property
    def position(self) -> Position:
        assert self.sort is not None  # or nobody would ask
        return Position(self.sort, self.id)


class Bare(NamedTuple):
    """The texts of all rows of a page, with commas between them, where nobody asks for more. It stands for them, as the
    page's only row."""

    text: str
