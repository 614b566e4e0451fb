"""Pages by keyset, for one list or for a list per parent, in one statement either way (Relay Connections §4.4).

    without bounds    SELECT … WHERE … ORDER BY sort, id LIMIT size + 1
    alike             SELECT … FROM (the same with LIMIT 101) LIMIT size + 1
    with bounds       the same, and beside it: is there a row at or beyond `after`, at or beyond `before`?
    per parent        unnest(ids) JOIN LATERAL (the same, of that parent); LEFT with bounds, which are of every parent
    along             and of each row, LATERAL, the one that it names
    texts             string_agg of what is shown of the rows, where that is all that is wanted: one row per page

Rows come in the order in which they were fetched: from the end where the window is backward. LATERAL with LIMIT runs
once per parent, as a nested loop, so rows of one parent stay in order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    FromClause,
    Select,
    Uuid,
    and_,
    bindparam,
    false,
    func,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql.selectable import LateralFromClause

from app.kernel.page import MAX_PAGE, Fetched, Window
from app.kernel.want import GAP, Bare

# Of any page, and the row that shows that there are more. It stands in the text, within the LIMIT that is given: for
# that one alone PostgreSQL expects a tenth of the table, so that a plan for any values looks dear, and each run is
# planned anew, which costs more than the run.
MOST: ColumnElement[int] = literal_column(str(MAX_PAGE + 1))


@dataclass(frozen=True, slots=True)
class Along:
    """Columns of the row whose `id` the page's column of the name `key` has."""

    columns: tuple[ColumnElement[Any], ...]
    key: str
    id: Column[Any]


@dataclass(frozen=True, slots=True)
class Texts:
    """Of a page's rows, as one, with commas between them. `ends`: will anybody ask whether there are rows beyond?"""

    ends: bool


type Cells = Mapping[str, ColumnElement[Any]]  # of a row, by name
type Shown = Callable[[Cells, Cells], Sequence[ColumnElement[Any]]]  # of a row, and of the one that comes along


@dataclass(frozen=True, slots=True)
class Keyset:
    """What is listed, and in which total order."""

    columns: tuple[ColumnElement[Any], ...]
    sort: Column[Any]
    id: Column[Any]
    ascending: bool
    along: Along | None = None
    shown: Shown | None = None  # instead of the columns themselves and those that come along
    texts: Texts | None = None  # what is shown is one text, and those of a page come as one

    @property
    def width(self) -> int:
        """Columns of a row, with those that come along."""
        return len(self.columns) + (len(self.along.columns) if self.along else 0)


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a window decides the statement's text."""

    after: bool
    before: bool
    backward: bool

    @property
    def bounded(self) -> bool:
        return self.after or self.before


def shape_of(window: Window) -> Shape:
    return Shape(window.after is not None, window.before is not None, window.backward)


def page_select(
    keyset: Keyset,
    where: Sequence[ColumnElement[bool]],
    shape: Shape,
    parent: Column[Any] | None = None,
    *,
    alike: bool = False,
) -> Select[Any]:
    """Columns: those of the keyset, those that come along; with bounds the parent's id (per parent), rows before, rows
    after. Of texts: the text, the parent's id (per parent); with bounds or ends more rows, rows before, rows after.

    Binds: size, shown (texts with ends), ids (per parent), after_sort, after_id, before_sort, before_id (with bounds),
    and those of `where`. With `alike`, one plan is as good as another for any values of those.
    """
    key = tuple_(keyset.sort, keyset.id)
    after, before = _bound(keyset, "after"), _bound(keyset, "before")
    anchor = func.unnest(bindparam("ids", type_=ARRAY(Uuid))).table_valued("id").render_derived("parent")
    scope = list(where) if parent is None else [*where, parent == anchor.c.id]
    inside = [*scope]
    if shape.after:
        inside += _beyond(key, after, keyset.ascending)
    if shape.before:
        inside += _beyond(key, before, not keyset.ascending)
    up = keyset.ascending != shape.backward
    order = [column.asc() if up else column.desc() for column in (keyset.sort, keyset.id)]
    page = select(*keyset.columns).where(and_(true(), *inside)).order_by(*order).correlate(anchor)
    if alike:
        page = select(page.limit(MOST).subquery("most"))
    page = page.limit(bindparam("size"))
    if parent is None and not shape.bounded and keyset.along is None and keyset.shown is None:
        return page
    rows = page.lateral("page")
    outside: tuple[ColumnElement[bool], ...] = ()
    if shape.bounded:
        outside = (
            _any(keyset, scope, after, not keyset.ascending) if shape.after else false(),
            _any(keyset, scope, before, keyset.ascending) if shape.before else false(),
        )
    if keyset.texts:
        text = _texts(keyset, keyset.texts, rows, shape).lateral("texts")
        beyond = (text.c.more, *(outside or (false(), false()))) if shape.bounded or keyset.texts.ends else ()
        if parent is None:
            return select(text.c.text, *beyond)
        return select(text.c.text, anchor.c.id, *beyond).select_from(anchor.join(text, true()))
    if not shape.bounded:
        return _along(keyset, rows, rows if parent is None else anchor.join(rows, true()))
    if parent is None:
        one = select(literal_column("1").label("one")).subquery("one")
        return _along(keyset, rows, one.outerjoin(rows, true())).add_columns(*outside)
    return _along(keyset, rows, anchor.outerjoin(rows, true())).add_columns(anchor.c.id, *outside)


def _along(keyset: Keyset, rows: LateralFromClause, source: FromClause) -> Select[Any]:
    along, theirs = keyset.along, {}
    if along is not None:
        named = select(*along.columns).where(along.id == rows.c[along.key]).limit(literal_column("1")).lateral("along")
        source, theirs = source.outerjoin(named, true()), dict(named.c.items())
    if keyset.shown is not None:
        return select(*keyset.shown(dict(rows.c.items()), theirs)).select_from(source)
    return select(*rows.c, *theirs.values()).select_from(source)


def _texts(keyset: Keyset, texts: Texts, rows: LateralFromClause, shape: Shape) -> Select[Any]:
    """One row. Its text is NULL where there are no rows, and has a GAP for each that could not be written."""
    number = func.row_number().over().label("number")
    written = _along(keyset, rows, rows).add_columns(*([number] if texts.ends or shape.backward else ()))
    row = written.subquery("written").c
    text: ColumnElement[str] = func.coalesce(row.text, literal_column(f"E'\\x{ord(GAP):x}'"))
    comma: ColumnElement[str] = literal_column("','")
    together = func.string_agg(text, aggregate_order_by(comma, row.number.desc()) if shape.backward else comma)
    if not texts.ends:
        return select(together.label("text"), false().label("more"))
    shown = bindparam("shown", type_=BigInteger)
    return select(together.filter(row.number <= shown).label("text"), (func.count() > shown).label("more"))


def page_binds(window: Window, ends: bool = True) -> dict[str, object]:
    """`ends`: will anybody ask whether there are rows beyond the page?"""
    binds: dict[str, object] = {"size": window.size + 1 if ends else window.size, "shown": window.size}
    for name, position in (("after", window.after), ("before", window.before)):
        if position is not None:
            binds[f"{name}_sort"], binds[f"{name}_id"] = position.sort, position.id
    return binds


def fetched[T](rows: Sequence[asyncpg.Record], make: Callable[[asyncpg.Record], T], window: Window) -> Fetched[T]:
    """The rows of a page that has no parent."""
    if window.after is None and window.before is None:
        return Fetched([make(row) for row in rows])
    return Fetched([make(row) for row in rows if row[0] is not None], rows[0][-2], rows[0][-1])


def fetched_per_parent[K: UUID, T](
    ids: Sequence[K], rows: Sequence[asyncpg.Record], make: Callable[[asyncpg.Record], T], window: Window, parent: int
) -> Mapping[K, Fetched[T]]:
    """For every id; `parent` is the place of the parent's id among the columns."""
    found: dict[Any, Fetched[T]] = {id: Fetched([]) for id in ids}
    if window.after is None and window.before is None:
        for row in rows:
            found[row[parent]].rows.append(make(row))
        return found
    for row in rows:
        of_parent = found[row[-3]]
        of_parent.outside_before, of_parent.outside_after = row[-2], row[-1]
        if row[0] is not None:
            of_parent.rows.append(make(row))
    return found


def fetched_text(row: asyncpg.Record) -> Fetched[Bare]:
    """The rows of one page, all of which came as one."""
    rows = [Bare(row[0])] if row[0] else []
    return Fetched(rows, row[-2], row[-1], row[-3]) if len(row) > 2 else Fetched(rows)


def _bound(keyset: Keyset, name: str) -> ColumnElement[Any]:
    return tuple_(bindparam(f"{name}_sort", type_=keyset.sort.type), bindparam(f"{name}_id", type_=Uuid))


def _beyond(key: ColumnElement[Any], bound: ColumnElement[Any], up: bool) -> list[ColumnElement[bool]]:
    """Strictly, yet not by `>`: PostgreSQL estimates a comparison of rows by their first column, so behind a cursor
    whose status half of the table has it expects nothing, and walks that half for the few rows of one owner."""
    return [key >= bound if up else key <= bound, key != bound]


def _any(
    keyset: Keyset, scope: Sequence[ColumnElement[bool]], bound: ColumnElement[Any], up: bool
) -> ColumnElement[bool]:
    """Is there a row at the bound or beyond it, upwards or downwards?

    The nearest one is looked for, by the order's index. EXISTS would drop the ORDER BY, and then PostgreSQL reads the
    table until a row turns up: in a table that lies in the list's order, that is all that comes before the cursor.
    """
    key = tuple_(keyset.sort, keyset.id)
    order = [column.asc() if up else column.desc() for column in (keyset.sort, keyset.id)]
    beyond = key >= bound if up else key <= bound
    nearest = (
        select(true()).select_from(keyset.id.table).where(*scope, beyond).order_by(*order).limit(literal_column("1"))
    )
    return nearest.scalar_subquery().is_not(None)
