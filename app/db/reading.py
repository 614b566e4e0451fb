"""Which columns of a noun are read for what is wanted, and how a row becomes the domain object."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import Column, ColumnElement, null

from app.db import keyset, user
from app.db.database import Rows
from app.db.excerpt import PARENT, Binds, Excerpts, Words, binds, complete, complete_texts, excerpts, make, saying
from app.db.statement import Statement
from app.domain.user.model import UNREAD_ALONG, User
from app.kernel.page import Fetched, Window
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

    def page(self, window: Window) -> Fetched[Any]:
        return keyset.fetched(self.rows, self.make, window)

    def pages[K: UUID](self, ids: Sequence[K], window: Window) -> Mapping[K, Fetched[Any]]:
        return keyset.fetched_per_parent(ids, self.rows, self.make, window, self.parent)


class FoundTexts(NamedTuple):
    """Pages, each as one row."""

    rows: Rows

    def page(self, window: Window) -> Fetched[Any]:
        return keyset.fetched_text(self.rows[0])

    def pages[K: UUID](self, ids: Sequence[K], window: Window) -> Mapping[K, Fetched[Any]]:
        return {row[1]: keyset.fetched_text(row) for row in self.rows}  # one for each of the ids


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
        self.excerpts, self.texts = lru_cache(256)(self._excerpts), lru_cache(256)(self._bare)
        self._make, self._write = cache(self._made), lru_cache(256)(self._written)

    async def pages(
        self,
        fetch: Callable[..., Awaitable[Rows]],
        want: Want,
        statement: Callable[[Reading[T] | Excerpts], Statement],
        window: Window,
        parent: int,
        binds: Mapping[str, object],
    ) -> "Found | FoundTexts":
        """One, or one per parent; `parent` is the place of the parent's id among the columns."""
        shape = keyset.shape_of(window)
        binds = {**binds, **keyset.page_binds(window, want is None or want.ends)}
        if (window.first is None or window.last is None) and (found := self.texts(want)):
            rows = await fetch(saying(statement(found[0]), found[1]), **binds)
            if complete_texts(rows):
                return FoundTexts(rows)
            want = replace(want, outline=None) if want else None  # as that cannot be written in another way either
        return await self.rows(fetch, want, statement, shape, parent, binds)

    async def rows(
        self,
        fetch: Callable[..., Awaitable[Rows]],
        want: Want,
        statement: Callable[[Reading[T] | Excerpts], Statement],
        shape: keyset.Shape,
        parent: int,
        binds: Mapping[str, object],
    ) -> Found:
        """Of the ids, of one page, or of a page per parent; `parent` as above."""
        if found := self.excerpts(want):
            rows = await fetch(saying(statement(found[0]), found[1]), **binds)
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
        found = self._write(want.outline.parts, want.places, None)
        return None if found is None else (found, binds(found, want.outline))

    def _bare(self, want: Want) -> tuple[Excerpts, Binds] | None:
        """The same as texts of whole pages, where nothing else of the rows is wanted."""
        if want is None or want.outline is None or not want.bare:
            return None
        found = self._write(want.outline.parts, False, keyset.Texts(want.ends))
        return None if found is None else (found, binds(found, want.outline))

    def _written(self, parts: tuple[Part, ...], places: bool, texts: keyset.Texts | None) -> Excerpts | None:
        return excerpts(parts, self._words, self._along, self._key, user.WORDS, places=places, texts=texts)

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
