"""Excerpts: rows of a page that the store has written as JSON, so that no object and no dict is made of each.

What a plan selects of the rows becomes an Outline, if all of it can be written: values, and objects that come along.
What must be loaded leaves a gap, which is filled when the answer is encoded.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import orjson
from graphql import GraphQLEnumType, GraphQLList, GraphQLNonNull, GraphQLOutputType, GraphQLScalarType

from app.engine.declare import Column
from app.engine.leaf import Leaf, unwrap
from app.engine.shape import Level, Loaded, Selection, Slot
from app.kernel.want import GAP, Bare, Excerpt, Outline, Part

SCALARS = {"String", "ID", "Int", "DateTime", "UUID", "JSON"}  # what PostgreSQL writes as our encoder does
BYTES_GAP = GAP.encode()
PROBE = Excerpt(UUID(int=0), "", None)


class Gapped:
    """An excerpt with gaps, by their keys in order; takes the place of the dict that a row becomes."""

    __slots__ = ("_keys", "_text", "_values")

    def __init__(self, text: str, keys: Sequence[str]) -> None:
        self._text, self._keys = text, keys
        self._values: dict[str, Any] = {}

    def __setitem__(self, key: str, value: object) -> None:
        self._values[key] = value

    def get(self, key: str) -> Any:
        return self._values.get(key)

    def encoded(self) -> orjson.Fragment:
        pieces = self._text.encode().split(BYTES_GAP)
        for place, key in zip(range(1, len(pieces)), self._keys, strict=True):
            pieces[place] = encode(self._values.get(key)) + pieces[place]
        return orjson.Fragment(b"".join(pieces))


def encode(answer: object) -> bytes:
    """As JSON. Raises TypeError for what no answer holds."""
    return orjson.dumps(answer, _encoded, orjson.OPT_UTC_Z)


def _encoded(value: object) -> orjson.Fragment:
    if isinstance(value, Gapped):
        return value.encoded()
    raise TypeError(f"{type(value).__name__} is not JSON")


def outline_of(slot: Slot) -> Outline | None:
    """Of the object in the slot, or of the rows of the page there; None where there are none, or not all of it can be
    written, or the page shows its rows in two ways."""
    only = slot.only if slot.only and slot.only.excerpts and not slot.listed else None
    rows = [only] if only else list({id(found): found for found in _rows(slot)}.values())
    if len(rows) != 1:
        return None
    if rows[0].outline is None:
        rows[0].outline, rows[0].gaps = _outline(rows[0])
    return rows[0].outline


def answers(selection: Selection, rows: Sequence[Excerpt]) -> list[Any]:
    """What the excerpts are in the answer."""
    if not selection.gaps:
        return [orjson.Fragment(row.text) for row in rows]
    keys = [loaded.slot.key for loaded in selection.gaps]
    return [Gapped(row.text, keys) for row in rows]


def without_bare(
    level: Level, key: str, lists: Sequence[Any], owners: Sequence[int] | None
) -> tuple[list[Any], list[int]]:
    """Lists of rows, and what they belong to; those that the store has written as one are put in place here."""
    kept, places = [], []
    for owner, rows in zip(range(len(lists)) if owners is None else owners, lists, strict=True):
        if rows and rows[0].__class__ is Bare:
            level.outs[owner][key] = orjson.Fragment(f"[{rows[0].text}]")
        else:
            kept.append(rows)
            places.append(owner)
    return kept, places


def _rows(slot: Slot) -> Iterator[Selection]:
    """The selections that a page is made of, down to its rows'."""
    for inner in slot.only.inner if slot.only else ():
        if inner.slot.only and inner.slot.only.excerpts:
            yield inner.slot.only
        else:
            yield from _rows(inner.slot)


def _outline(selection: Selection) -> tuple[Outline | None, list[Loaded]]:
    words, gaps = [""], list[Loaded]()
    parts = _parts(selection, words, gaps)
    if parts is None:
        return None, []
    return Outline(parts, tuple(words)), gaps


def _parts(selection: Selection, words: list[str], gaps: list[Loaded] | None) -> tuple[Part, ...] | None:
    """Adds to the words, of which the last one is still being written. `gaps` None: none may be left here."""
    if selection.inner:
        return None
    loaded = {one.slot.key: one for one in selection.loaded}
    parts: list[Part] = []
    words[-1] += "{"
    for number, member in enumerate(selection.members):
        words[-1] += f'{"," if number else ""}"{member.key}":'
        if isinstance(member, Leaf):
            part = _leaf(member)
        elif member.key not in loaded:
            words[-1] += f'"{member.value}"'
            continue
        elif loaded[member.key].edge.joined is not None:
            part = _along(loaded[member.key], words)
        elif gaps is not None and _needs_id_alone(loaded[member.key]):
            gaps.append(loaded[member.key])
            words[-1] += GAP
            continue
        else:
            part = None
        if part is None:
            return None
        parts.append(part)
        words.append("")
    words[-1] += "}"
    return tuple(parts)


def _leaf(leaf: Leaf) -> Part | None:
    name = leaf.read.stored if isinstance(leaf.read, Column) else leaf.read
    type_, nullable = unwrap(leaf.type)
    return Part(name, nullable) if isinstance(name, str) and _is_written_alike(type_) else None


def _is_written_alike(type_: GraphQLOutputType) -> bool:
    if isinstance(type_, GraphQLList):
        item = type_.of_type
        return isinstance(item, GraphQLNonNull) and getattr(item.of_type, "name", "") == "String"
    if isinstance(type_, GraphQLEnumType):
        return all(name == value.value for name, value in type_.values.items())
    return isinstance(type_, GraphQLScalarType) and type_.name in SCALARS


def _along(loaded: Loaded, words: list[str]) -> Part | None:
    words.append("")
    parts = _parts(loaded.slot.only, words, None) if loaded.slot.only else None
    return Part(loaded.name, loaded.slot.nullable, parts) if parts else None


def _needs_id_alone(loaded: Loaded) -> bool:
    try:
        return loaded.edge.key(PROBE) is PROBE.id
    except AttributeError:
        return False
