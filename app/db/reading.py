"""Which columns of a noun are read for what is wanted, and how a row becomes the domain object."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy import Column, ColumnElement, null

from app.db import keyset, user
from app.db.database import Rows
from app.db.excerpt import PARENT, Binds, Excerpts, Words, binds, complete, excerpts, make
from app.db.statement import Statement
from app.domain.user.model import UNREAD_ALONG, User
from app.kernel.want import Part, Want


@dataclass(frozen=True, slots=True, eq=False)
class Reading[T]:
    """Columns in the order of the object's fields, NULL for what nobody wants; and the user who comes along."""

    columns: tuple[ColumnElement[Any], ...]
    along: keyset.Along | None
    exact: Callable[[asyncpg.Record], T]  # makes the object of a row that has these columns and no more
    leading: Callable[[asyncpg.Record], T]  # and of a row that has more behind them

    def make(self, shape: keyset.Shape) -> Callable[[asyncpg.Record], T]:
        return self.leading if shape.bounded else self.exact

    def keyset(self, sort: Column[Any], id: Column[Any], ascending: bool, parent: Column[Any] | None) -> keyset.Keyset:
        """`parent` is among the columns already."""
        return keyset.Keyset(self.columns, sort, id, ascending, self.along)


class Found(NamedTuple):
    """Rows, what makes an object or an excerpt of each, and the place of the parent's id in them."""

    rows: Rows
    make: Callable[[asyncpg.Record], Any]
    parent: int


class Readings[T]:
    """Of one noun. `parts`: the columns that are left out together, by the fields that need them; `along`: the field
    for the user who comes along, by the column that names him. There are few readings, as clients choose among them:
    each is a statement of its own on every connection."""

    def __init__(
        self,
        model: Callable[..., T],
        columns: Sequence[Column[Any]],
        parts: Mapping[Sequence[str], Sequence[str]],
        along: str,
        key: str,
        words: Words,
    ) -> None:
        self._model, self._columns, self._parts, self._along, self._key = model, columns, parts, along, key
        self._words = words
        self.of = lru_cache(256)(self._of)  # clients choose what is wanted, too
        self.excerpts = lru_cache(256)(self._excerpts)
        self._make, self._write = cache(self._made), lru_cache(256)(self._written)

    async def rows(
        self,
        fetch: Callable[..., Awaitable[Rows]],
        want: Want,
        statement: Callable[[Reading[T] | Excerpts], Statement],
        shape: keyset.Shape,
        parent: int,
        binds: Mapping[str, object],
    ) -> Found:
        """Of one page, or of a page per parent; `parent` is the place of the parent's id among the columns."""
        if found := self.excerpts(want):
            written, words = found
            rows = await fetch(statement(written), **binds, **words)
            if complete(rows):
                return Found(rows, make, PARENT)
        reading = self.of(want)
        return Found(await fetch(statement(reading), **binds), reading.make(shape), parent)

    def _of(self, want: Want) -> Reading[T]:
        if want is None:
            return self._make(frozenset(), None)
        names = want.names
        unwanted = [columns for needed, columns in self._parts.items() if names.isdisjoint(needed)]
        unread = frozenset(name for name in UNREAD_ALONG if f"{self._along}.{name}" not in names)
        return self._make(frozenset(chain.from_iterable(unwanted)), unread if self._along in names else None)

    def _excerpts(self, want: Want) -> tuple[Excerpts, Binds] | None:
        """What the database may write of the rows of a page, instead; of those who differ in words alone, the same."""
        if want is None or want.outline is None:
            return None
        found = self._write(want.outline.parts, want.places)
        return None if found is None else (found, binds(found, want.outline))

    def _written(self, parts: tuple[Part, ...], places: bool) -> Excerpts | None:
        return excerpts(parts, self._words, self._along, self._key, user.WORDS, places)

    def _made(self, unwanted: frozenset[str], unread: frozenset[str] | None) -> Reading[T]:
        """`unread` of the user who comes along; None: nobody does."""
        columns = tuple(null().label(c.name) if c.name in unwanted else c for c in self._columns)
        model, width = self._model, len(columns)
        if unread is None:
            return Reading(columns, None, lambda row: model(*row), lambda row: model(*row[:width]))

        def with_user(row: asyncpg.Record) -> T:
            cells = tuple(row)
            named = User(*cells[width : width + user.WIDTH]) if cells[width] is not None else None
            return model(*cells[:width], named)

        return Reading(columns, user.along(self._key, unread), with_user, with_user)
