"""Errors and the nulls they make: one may not stand in a non-null position and climbs to the next that may be null.

GraphQL §6.4.4. Only errors pay for any of this: paths are found by the way back that levels remember.
"""

from collections.abc import Sequence

from graphql import GraphQLError, GraphQLList, GraphQLNonNull, GraphQLObjectType, GraphQLOutputType, located_error
from graphql.pyutils import inspect

from app.engine.batch import Context
from app.engine.leaf import Constant, Leaf, complete_leaf, items_of, unwrap
from app.engine.shape import Level, Path, Selection, Slot


class Faults:
    def __init__(self) -> None:
        self.errors: list[GraphQLError] = []
        self.dead = False  # data is null as a whole
        self._nulled: set[Path] = set()

    def fail(self, level: Level, row: int, at: Slot | Leaf, error: Exception, index: int | None = None) -> None:
        """An error at the row's key, or at one item of the list there. An error below a null is not reported."""
        path = (*level.path(row), at.key) if index is None else (*level.path(row), at.key, index)
        if not any(path[:end] in self._nulled for end in range(len(path) + 1)):
            self.errors.append(located_error(error, at.nodes, list(path)))
        nullable, item_nullable = _nullability(at)
        if index is not None and item_nullable:
            return
        if nullable:
            level.outs[row][at.key] = None
            self._nulled.add((*level.path(row), at.key))
        else:
            self._kill(level, row)

    def repair(self, level: Level, selection: Selection, row: int, context: Context) -> int | None:
        """Completes a row's leaves one by one, as graphql-core would. Returns the place of the member at which the row
        fell, if it did."""
        out, told = level.outs[row], len(self.errors)
        fell: int | None = None
        for place, member in enumerate(selection.members):
            if fell is None and len(self.errors) > told and level.path(row) in self._nulled:
                fell = place - 1
            if isinstance(member, Constant):
                out[member.key] = member.value
                continue
            out[member.key] = None
            try:
                value = member.value(level.rows[row], context)
            except Exception as error:  # whatever reading it raises is an error at its field
                self.fail(level, row, member, error)
            else:
                self.leaf(level, row, member, member.type, value)
        return fell

    def leaf(self, level: Level, row: int, at: Slot | Leaf, type_: GraphQLOutputType, value: object) -> None:
        """Puts a leaf, or a list of leaves, where it belongs."""
        listed, _ = unwrap(type_)
        try:
            if value is None or not isinstance(listed, GraphQLList):
                level.outs[row][at.key] = complete_leaf(type_, value, at.label)
                return
            items = items_of(value, at.label)
        except Exception as error:  # what a serializer raises, too
            self.fail(level, row, at, error)
            return
        finished: list[object] = []
        level.outs[row][at.key] = finished
        for index, item in enumerate(items):
            try:
                finished.append(complete_leaf(listed.of_type, item, at.label))
            except Exception as error:  # at its place in the list
                finished.append(None)
                self.fail(level, row, at, error, index)

    def strays(self, level: Level, places: Sequence[int]) -> None:
        """Nulls in a list of objects, exceptions among them, and rows whose class no type describes."""
        slot, parent = level.slot, level.parent
        assert slot
        assert parent
        for place in places:
            row = level.rows[place]
            if row is None and slot.item_nullable:
                continue
            owner, index = level.position(place)
            self.fail(parent, owner, slot, _complaint(slot, row), index)

    def _kill(self, level: Level, row: int) -> None:
        """The row's object cannot stand: its position becomes null, or what holds the position falls too."""
        self._nulled.add(level.path(row))
        parent, slot = level.parent, level.slot
        if parent is None or slot is None:
            self.dead = True
            return
        owner, index = level.position(row)
        held = parent.outs[owner].get(slot.key) if index is not None else None
        if index is not None and slot.item_nullable:
            if isinstance(held, list):  # else the list as a whole is null by now
                held[index] = None
        elif slot.nullable:
            parent.outs[owner][slot.key] = None
            self._nulled.add((*parent.path(owner), slot.key))
        else:
            self._kill(parent, owner)


def null_error(label: str) -> Exception:
    return TypeError(f"Cannot return null for non-nullable field {label}.")


def _nullability(at: Slot | Leaf) -> tuple[bool, bool]:
    """(of the field, of the items of its list)."""
    if isinstance(at, Slot) and (at.only or at.of):
        return at.nullable, at.item_nullable
    type_ = at.output if isinstance(at, Slot) else at.type
    listed, nullable = unwrap(type_)
    return nullable, isinstance(listed, GraphQLList) and not isinstance(listed.of_type, GraphQLNonNull)


def _complaint(slot: Slot, row: object) -> Exception:
    """What graphql-core says of a value that is no object of the slot's type."""
    if row is None:
        return null_error(slot.label)
    if isinstance(row, Exception):
        return row
    if isinstance(slot.output, GraphQLObjectType):
        return GraphQLError(f"Expected value of type '{slot.output}' but got: {inspect(row)}.", slot.nodes)
    return GraphQLError(
        f"Abstract type '{slot.output}' must resolve to an Object type at runtime for field '{slot.label}'."
        f" Either the '{slot.output}' type should provide a 'resolve_type' function"
        " or each possible type should provide an 'is_type_of' function.",
        slot.nodes,
    )
