"""Statements that read audit entries, and the one that makes their partitions."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from sqlalchemy import ARRAY, ColumnElement, Integer, Text, Uuid, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import TIMESTAMP

from app.db import excerpt, keyset
from app.db.database import Database
from app.db.excerpt import Excerpts
from app.db.reading import Found, FoundTexts, Reading, Readings
from app.db.statement import Statement
from app.db.tables import audit_entries
from app.domain.audit.model import (
    METADATA,
    ORDER,
    VALUES,
    AuditEntry,
    AuditPageRequest,
    AuditScope,
    Parent,
    position_of,
)
from app.domain.audit.ports import EntryPage, ParentId
from app.kernel.cursor import encode_cursor
from app.kernel.ids import AuditEntryId, UserId
from app.kernel.page import Fetched, cut
from app.kernel.want import Excerpt

column = audit_entries.c
COLUMNS = tuple(column)
READINGS = Readings(
    AuditEntry,
    COLUMNS,
    {VALUES: ("changed_fields", "old_values", "new_values"), METADATA: METADATA},
    "actor",
    "actor_id",
    excerpt.words_of("AuditEntry", COLUMNS, ("action",)),
)
PARENTS = {"feature": column.feature_id, "actor": column.actor_id}
PLACES = {parent: [c.name for c in COLUMNS].index(of.name) for parent, of in PARENTS.items()}  # in a row
UNFILTERED = {(), ("visible_to",)}
IDS = bindparam("ids", type_=ARRAY(Uuid))
TIME = TIMESTAMP(timezone=True)
MAKE_PARTITIONS = Statement(
    "audit.make_partitions", select(func.make_audit_partitions(bindparam("months_ahead", type_=Integer)))
)
CONDITIONS: Mapping[str, ColumnElement[bool]] = {
    "visible_to": column.owner_id == bindparam("visible_to", type_=Uuid),
    "action": column.action == any_(bindparam("action", type_=ARRAY(Text))),
    "actor_id": column.actor_id == bindparam("actor_id", type_=Uuid),
    "version": column.version == bindparam("version", type_=Integer),
    "created_from": column.created_at >= bindparam("created_from", type_=TIME),
    "created_until": column.created_at < bindparam("created_until", type_=TIME),
}


@lru_cache(64)
def by_ids_statement(names: tuple[str, ...]) -> Statement:
    where = [CONDITIONS[name] for name in names]
    return Statement("audit.by_ids", select(*COLUMNS).where(column.id == any_(IDS), *where))


@lru_cache(512)
def page_statement(
    names: tuple[str, ...], shape: keyset.Shape, parent: Parent | None, reading: Reading[AuditEntry] | Excerpts
) -> Statement:
    where, of = [CONDITIONS[name] for name in names], PARENTS[parent] if parent else None
    listed = reading.keyset(column.created_at, column.id, False, of)
    return Statement("audit.page", keyset.page_select(listed, where, shape, of, alike=names in UNFILTERED))


@lru_cache(512)
def count_statement(names: tuple[str, ...], parent: Parent | None) -> Statement:
    where = [CONDITIONS[name] for name in names]
    if parent is None:
        return Statement("audit.count", select(func.count()).select_from(audit_entries).where(*where))
    key = PARENTS[parent]
    return Statement("audit.count", select(func.count(), key).where(key == any_(IDS), *where).group_by(key))


class SqlEntries:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch_by_ids(
        self, ids: Sequence[AuditEntryId], visible_to: UserId | None
    ) -> Mapping[AuditEntryId, AuditEntry]:
        values = {} if visible_to is None else {"visible_to": visible_to}
        rows = await self._database.fetch(by_ids_statement(tuple(values)), ids=ids, **values)
        return {row[0]: AuditEntry(*row) for row in rows}

    async def fetch_page(self, request: AuditPageRequest, visible_to: UserId | None) -> EntryPage:
        scope = AuditScope(request.filter, None, None, visible_to)
        found = await self._fetch(request, scope, {})
        return _page(found.page(request.window), request, scope)

    async def fetch_pages(
        self, parent: Parent, ids: Sequence[ParentId], request: AuditPageRequest, visible_to: UserId | None
    ) -> Mapping[ParentId, EntryPage]:
        scope = AuditScope(request.filter, parent, None, visible_to)
        found = await self._fetch(request, scope, {"ids": ids})
        return {
            id: _page(fetched, request, AuditScope(request.filter, parent, id, visible_to))
            for id, fetched in found.pages(ids, request.window).items()
        }

    async def fetch_counts(self, scopes: Sequence[AuditScope]) -> Mapping[AuditScope, int]:
        """One statement per filter and kind of parent, however many parents."""
        found = dict.fromkeys(scopes, 0)
        for like in {AuditScope(scope.filter, scope.parent, None, scope.visible_to) for scope in scopes}:
            alike = {
                s.key: s
                for s in scopes
                if (s.filter, s.parent, s.visible_to) == (like.filter, like.parent, like.visible_to)
            }
            values = values_of(like)
            binds = {"ids": list(alike)} if like.parent else {}
            rows = await self._database.fetch(count_statement(tuple(values), like.parent), **values, **binds)
            for row in rows:
                found[alike[row[1] if like.parent else None]] = row[0]
        return found

    async def make_partitions(self, months_ahead: int) -> int:
        rows = await self._database.fetch(MAKE_PARTITIONS, months_ahead=months_ahead)
        return int(rows[0][0])

    async def _fetch(
        self, request: AuditPageRequest, scope: AuditScope, binds: dict[str, object]
    ) -> Found | FoundTexts:
        values, shape = values_of(scope), keyset.shape_of(request.window)

        def statement(reading: Reading[AuditEntry] | Excerpts) -> Statement:
            return page_statement(tuple(values), shape, scope.parent, reading)

        place = PLACES[scope.parent] if scope.parent else 0
        binds = {**values, **binds}
        return await READINGS.pages(self._database.fetch, request.want, statement, request.window, place, binds)


def values_of(scope: AuditScope) -> dict[str, object]:
    """By the name of each condition that applies."""
    values = {
        "visible_to": scope.visible_to,
        "action": scope.filter.action,
        "actor_id": scope.filter.actor_id,
        "version": scope.filter.version,
        "created_from": scope.filter.created_at.start,
        "created_until": scope.filter.created_at.end,
    }
    return {name: value for name, value in values.items() if value is not None}


def _page(fetched: Fetched[AuditEntry], request: AuditPageRequest, scope: AuditScope) -> EntryPage:
    return cut(fetched, request.window, _cursor_of, scope)


def _cursor_of(entry: AuditEntry | Excerpt) -> str:
    position = entry.position if isinstance(entry, Excerpt) else position_of(entry)
    return encode_cursor(ORDER, position.sort, position.id)
