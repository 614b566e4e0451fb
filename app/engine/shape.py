"""A plan's shape (Selection, Slot, Inner, Loaded) and its run's (Level): what is selected, and where rows belong.

Nothing in a plan belongs to one request; a Level belongs to one run.
"""

from bisect import bisect_left
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from graphql import FieldNode, GraphQLOutputType

from app.engine.arguments import Arguments
from app.engine.batch import Context
from app.engine.declare import Column, ContextColumn, Edge
from app.engine.leaf import Build, Constant, Leaf, Read, Row
from app.kernel.want import Outline

type Path = tuple[str | int, ...]


@dataclass(slots=True)
class Selection:
    """What is selected of one object type, whose values are of the class `model`.

    `members` are the response keys in order; `build` makes dicts with all of them, None standing where `inner` and
    `loaded` will put their values. With `excerpts` the store may write the rows; then `gaps` is what it leaves to load.
    """

    model: type[Any]
    build: Build
    members: Sequence[Leaf | Constant]
    inner: "list[Inner]" = field(default_factory=list)
    loaded: "list[Loaded]" = field(default_factory=list)
    excerpts: bool = False
    outline: Outline | None = None
    gaps: "list[Loaded]" = field(default_factory=list)


@dataclass(slots=True)
class Slot:
    """A response key that holds what is not among the row's leaves: an object, a list of them, or a loaded leaf."""

    key: str
    nodes: list[FieldNode]
    output: GraphQLOutputType
    label: str  # Type.field, for messages
    nullable: bool
    listed: bool
    item_nullable: bool
    only: Selection | None  # of an object type
    of: dict[type[Any], Selection]  # of an abstract type, by the row's class; both are empty for a leaf


@dataclass(slots=True)
class Inner:
    """An object or list of objects that the row already holds."""

    slot: Slot
    read: Read

    def reader(self, context: Context) -> Callable[[Row], Any]:
        read = self.read
        if isinstance(read, str):
            return attrgetter(read)
        return read.read if isinstance(read, Column) else _bound(read, context)


@dataclass(slots=True)
class Loaded:
    """An edge: one call of a service's batch method for all rows of the level. `name` is the attribute's."""

    slot: Slot
    name: str
    edge: Edge
    arguments: Arguments | None


def wanted(slot: Slot) -> frozenset[str]:
    """What is read of the objects in the slot, and of those that these hold, such as the nodes of a page; of one that
    may come along, with the edge's name and a dot before it."""
    names: set[str] = set()
    for selection in (slot.only,) if slot.only else slot.of.values():
        names.update(leaf.read for leaf in selection.members if isinstance(leaf, Leaf) and isinstance(leaf.read, str))
        for loaded in selection.loaded:
            names.add(loaded.name)
            if loaded.edge.joined is not None:
                names.update(f"{loaded.name}.{name}" for name in wanted(loaded.slot))
        for inner in selection.inner:
            if isinstance(inner.read, str):
                names.add(inner.read)
            names.update(wanted(inner.slot))
    return frozenset(names)


@dataclass(slots=True)
class Level:
    """Rows of one selection, with the way back to the positions they fill: row -> place in the slot -> parent's row."""

    rows: Sequence[Row]
    outs: Sequence[Any]
    parent: "Level | None" = None
    slot: Slot | None = None
    places: Sequence[int] | None = None  # row -> place; None: the same number
    owners: Sequence[int] | None = None  # place -> parent's row, ascending; None: the same number
    written: bool = False  # the rows are excerpts

    def without(self, fallen: Container[int]) -> "Level":
        """The same but for these rows."""
        kept = [row for row in range(len(self.rows)) if row not in fallen]
        places = kept if self.places is None else [self.places[row] for row in kept]
        rows, outs = [self.rows[row] for row in kept], [self.outs[row] for row in kept]
        return Level(rows, outs, self.parent, self.slot, places, self.owners, self.written)

    def position(self, row: int) -> tuple[int, int | None]:
        """(the parent's row, index in its list)."""
        assert self.slot
        place = self.places[row] if self.places is not None else row
        owner = self.owners[place] if self.owners is not None else place
        if not self.slot.listed:
            return owner, None
        assert self.owners is not None
        return owner, place - bisect_left(self.owners, owner)

    def path(self, row: int) -> Path:
        if self.parent is None or self.slot is None:
            return ()
        owner, index = self.position(row)
        above = (*self.parent.path(owner), self.slot.key)
        return above if index is None else (*above, index)


def _bound(column: ContextColumn, context: Context) -> Callable[[Row], Any]:
    return lambda row: column.read(row, context)
