"""Excerpts: what PostgreSQL writes of a row as JSON, in the words that the outline gives as binds.

Each value is written as our own encoder would write it. Where one is null that may not be, all of the text is NULL: the
rows are read as they are then, and the engine says what is wrong with them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import count
from operator import itemgetter
from typing import Any

import asyncpg
from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    collate,
    func,
    literal_column,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from app.db import keyset
from app.db.keyset import Cells
from app.db.statement import Statement
from app.kernel.want import GAP, Excerpt, Outline, Part

QUOTE, NULL = literal_column("'\"'", Text), literal_column("'null'", Text)
GLOBAL_ID = "global_id"
PARENT = 3  # the place of the parent's id in a row
TEXT = itemgetter(1)


@dataclass(frozen=True, slots=True)
class Words:
    """What can be written of a noun: columns by their names, and its global id. `codes` are columns that hold nothing
    but words of ours, by a CHECK."""

    noun: str
    columns: Mapping[str, Column[Any]]
    codes: frozenset[str]

    def __contains__(self, part: Part) -> bool:
        if part.small:
            return part.name in self.codes and not part.nullable
        return part.name == GLOBAL_ID or part.name in self.columns

    def column(self, part: Part) -> Column[Any]:
        """Which it is made of."""
        return self.columns["id" if part.name == GLOBAL_ID else part.name]

    def bare(self, part: Part) -> bool:
        """Is it written without its quotes? They are put into the words on both sides, which costs PostgreSQL less."""
        if part.nullable:
            return False
        return part.name in (GLOBAL_ID, *self.codes) or isinstance(self.column(part).type, Uuid | TIMESTAMP)

    def write(self, part: Part, cells: Cells) -> ColumnElement[Any]:
        if part.name == GLOBAL_ID:
            text = literal_column(f"'{self.noun}:'", Text).concat(cast(cells["id"], Text))
            return func.encode(cast(text, LargeBinary), literal_column("'base64'"), type_=Text)
        cell = cells[part.name]
        if part.name in self.codes and not part.nullable:
            # By the letters' bytes: in a Turkish database the small letter of ACTIVE's I has no dot.
            return func.lower(collate(cell, "C")) if part.small else cell
        written = WRITERS[type(self.columns[part.name].type)](cell)
        if not part.nullable:
            return written
        if isinstance(self.columns[part.name].type, Uuid | TIMESTAMP):
            written = QUOTE.concat(written).concat(QUOTE)
        return func.coalesce(written, NULL)


def words_of(noun: str, columns: Sequence[Column[Any]], codes: Sequence[str]) -> Words:
    return Words(noun, {column.name: column for column in columns}, frozenset(codes))


@dataclass(frozen=True, slots=True, eq=False)
class Excerpts:
    """Of one outline's parts. A row is the id, the text, its place in the order if anybody asks for it, and the id of
    the parent if there is one; or, of `texts`, the text alone."""

    parts: tuple[Part, ...]
    words: Words
    along: keyset.Along | None
    named: Words
    places: bool
    texts: keyset.Texts | None

    def keyset(self, sort: Column[Any], id: Column[Any], ascending: bool, parent: Column[Any] | None) -> keyset.Keyset:
        needed = [id, sort, *(self.words.column(part) for part in self.parts if not part.parts)]
        if self.along:
            needed.append(self.words.columns[self.along.key])
        if parent is not None:
            needed.append(parent)

        def shown(rows: Cells, theirs: Cells) -> Sequence[ColumnElement[Any]]:
            text = self.text(rows, theirs).label("text")
            if self.texts:
                return (text,)
            place = rows[sort.name] if self.places else null()
            beside = () if parent is None else (rows[parent.name],)
            return (rows[id.name], text, place, *beside)

        return keyset.Keyset(tuple(dict.fromkeys(needed)), sort, id, ascending, self.along, shown, self.texts)

    def select(self, table: Table) -> Select[Any]:
        """Of the table's own rows, in no order."""
        if self.along is None:
            return select(table.c.id, self.text(dict(table.c.items()), {}), null())
        named = self.along.id.table
        text = self.text(dict(table.c.items()), {column.name: column for column in self.along.columns})
        joined = table.outerjoin(named, self.along.id == table.c[self.along.key])
        return select(table.c.id, text, null()).select_from(joined)

    def text(self, rows: Cells, theirs: Cells) -> ColumnElement[Any]:
        """Of a row, and of the one that comes along, by these columns."""
        given = (bindparam(f"word_{number}", type_=Text) for number in count())

        def write(part: Part) -> ColumnElement[Any]:
            if not part.parts:
                return self.words.write(part, rows)
            assert self.along
            inside = _object(part.parts, given, lambda inner: self.named.write(inner, theirs))
            return case((rows[self.along.key].is_(None), NULL), else_=inside) if part.nullable else inside

        return _object(self.parts, given, write)


def excerpts(
    parts: tuple[Part, ...],
    words: Words,
    along: str,
    key: str,
    named: Words,
    *,
    places: bool,
    texts: keyset.Texts | None,
) -> Excerpts | None:
    """None where something of it cannot be written. `along`: the field whose object comes along, by the id in the
    column `key`."""
    theirs: dict[Column[Any], None] = {}
    for part in parts:
        if not part.parts:
            if part not in words:
                return None
        elif part.name == along and all(inner in named for inner in part.parts):
            theirs |= dict.fromkeys(named.column(inner) for inner in part.parts)
        else:
            return None
    who = keyset.Along(tuple(theirs), key, named.columns["id"]) if theirs else None
    return Excerpts(parts, words, who, named, places, texts)


@dataclass(frozen=True, slots=True, eq=False)
class Binds:
    """The words of one outline, by the names that they have in statements."""

    words: Mapping[str, str]


@lru_cache(1024)  # as many as there are outlines of all nouns, by the kinds of their statements
def saying(statement: Statement, binds: Binds) -> Statement:
    """The statement with these words."""
    return statement.saying(binds.words)


def binds(found: Excerpts, outline: Outline) -> Binds:
    """The words, with the quotes of what stands bare between them."""
    words, number = list(outline.words), 0

    def quote(parts: Sequence[Part], nouns: Words) -> None:
        nonlocal number
        for part in parts:
            before, number = number, number + 1
            if part.parts:
                quote(part.parts, found.named)
                number += 1  # behind the word that ends it
            elif nouns.bare(part):
                words[before] += '"'
                words[number] = f'"{words[number]}'

    quote(found.parts, found.words)
    return Binds({f"word_{place}": word for place, word in enumerate(words)})


# Of a row of the statement. It is by far the cheapest way, and what stands behind the text does no harm.
make: Callable[[asyncpg.Record], Excerpt] = partial(tuple.__new__, Excerpt)


def complete(rows: Sequence[asyncpg.Record]) -> bool:
    """Could all of it be written? Rows without an id are no rows, but say what lies outside the page."""
    return None not in map(TEXT, rows) or all(row[1] is not None or row[0] is None for row in rows)


def complete_texts(rows: Sequence[asyncpg.Record]) -> bool:
    """The same of pages, each of which is one row."""
    return not any(row[0] is not None and GAP in row[0] for row in rows)


def _object(
    parts: Sequence[Part], given: Iterator[ColumnElement[Any]], write: Callable[[Part], ColumnElement[Any]]
) -> ColumnElement[Any]:
    text = next(given)
    for part in parts:
        text = text.concat(write(part)).concat(next(given))
    return text


def _escaped(cell: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(func.to_json(cell), Text)


def _plain(cell: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(cell, Text)


def _time(cell: ColumnElement[Any]) -> ColumnElement[Any]:
    """With six digits of a second, or none."""
    form: ColumnElement[str] = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'""")
    text = func.to_char(func.timezone(literal_column("'UTC'"), cell), form)
    return func.replace(text, literal_column("'.000000Z'"), literal_column("'Z'"))


WRITERS: Mapping[type, Callable[[ColumnElement[Any]], ColumnElement[Any]]] = {
    Text: _escaped,
    ARRAY: _escaped,
    Integer: _plain,
    JSONB: _plain,
    Uuid: _plain,
    TIMESTAMP: _time,
}
