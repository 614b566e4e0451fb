"""Which columns of a noun are read for what is wanted, and how a row becomes the domain object."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from sqlalchemy import Column, ColumnElement, null

from app.db import keyset, user
from app.domain.user.model import User
from app.kernel.want import Want


@dataclass(frozen=True, slots=True, eq=False)
class Reading[T]:
    """Columns in the order of the object's fields, NULL for what nobody wants; and the user who comes along."""

    columns: tuple[ColumnElement[Any], ...]
    along: keyset.Along | None
    exact: Callable[[asyncpg.Record], T]  # makes the object of a row that has these columns and no more
    leading: Callable[[asyncpg.Record], T]  # and of a row that has more behind them

    def make(self, shape: keyset.Shape) -> Callable[[asyncpg.Record], T]:
        return self.leading if shape.bounded else self.exact


@dataclass(slots=True)
class Readings[T]:
    """Of one noun. `parts`: the columns that are left out together, by the fields that need them; `along`: the field
    for the user who comes along, by the column that names him. There are few readings, as clients choose among them:
    each is a statement of its own on every connection."""

    model: Callable[..., T]
    columns: Sequence[Column[Any]]
    parts: Mapping[frozenset[str], frozenset[str]]
    along: str
    key: str
    _made: dict[tuple[frozenset[str], bool], Reading[T]] = field(default_factory=dict)

    def of(self, want: Want) -> Reading[T]:
        unwanted: frozenset[str] = frozenset()
        if want is not None:
            unwanted = unwanted.union(*(names for needed, names in self.parts.items() if needed.isdisjoint(want)))
        joined = want is not None and self.along in want
        found = self._made.get((unwanted, joined))
        if found is None:
            found = self._made[unwanted, joined] = self._make(unwanted, joined)
        return found

    def _make(self, unwanted: frozenset[str], joined: bool) -> Reading[T]:
        columns = tuple(null().label(c.name) if c.name in unwanted else c for c in self.columns)
        model, width = self.model, len(columns)
        if not joined:
            return Reading(columns, None, lambda row: model(*row), lambda row: model(*row[:width]))

        def make(row: asyncpg.Record) -> T:
            cells = tuple(row)
            named = User(*cells[width : width + user.WIDTH]) if cells[width] is not None else None
            return model(*cells[:width], named)

        return Reading(columns, user.along(self.key), make, make)
