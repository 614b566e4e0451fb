"""Statements on security events; the table takes inserts alone, and forgets by a function of its owner's."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import ARRAY, ColumnElement, Integer, Text, Uuid, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, insert

from app.db import keyset
from app.db.database import Database, Transaction
from app.db.statement import Statement
from app.db.tables import security_events
from app.domain.security_event.model import (
    ORDER,
    KeptEvent,
    SecurityEvent,
    SecurityEventFilter,
    SecurityEventPageRequest,
    position_of,
)
from app.domain.security_event.ports import SecurityEventPage
from app.domain.security_event.rules import kept
from app.kernel.cursor import encode_cursor
from app.kernel.ids import SecurityEventId
from app.kernel.page import cut

column = security_events.c
COLUMNS = tuple(column)
NAMES = tuple(column.name for column in COLUMNS)
LISTED = keyset.Keyset(COLUMNS, column.created_at, column.id, ascending=False)
TIME = TIMESTAMP(timezone=True)
CONDITIONS: Mapping[str, ColumnElement[bool]] = {
    "kind": column.kind == any_(bindparam("kind", type_=ARRAY(Text))),
    "actor_id": column.actor_id == bindparam("actor_id", type_=Uuid),
    "created_from": column.created_at >= bindparam("created_from", type_=TIME),
    "created_until": column.created_at < bindparam("created_until", type_=TIME),
}
BY_IDS = Statement(
    "security_event.by_ids", select(*COLUMNS).where(column.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
)
ARRAYS: Mapping[str, Any] = {"id": Uuid, "actor_id": Uuid, "facts": JSONB, "created_at": TIME}
GIVEN = func.unnest(*(bindparam(f"given_{name}", type_=ARRAY(ARRAYS.get(name, Text))) for name in NAMES))
APPEND = Statement(
    "security_event.append",
    insert(security_events)
    .from_select(NAMES, select(*GIVEN.table_valued(*NAMES).render_derived("given").c))
    .on_conflict_do_nothing(index_elements=[column.id]),
)
FORGET = Statement(
    "security_event.forget",
    select(func.forget_security_events(bindparam("days", type_=Integer), bindparam("most", type_=Integer))),
)


@lru_cache(128)
def page_statement(names: tuple[str, ...], shape: keyset.Shape) -> Statement:
    return Statement("security_event.page", keyset.page_select(LISTED, [CONDITIONS[name] for name in names], shape))


@lru_cache(16)
def count_statement(names: tuple[str, ...]) -> Statement:
    where = [CONDITIONS[name] for name in names]
    return Statement("security_event.count", select(func.count()).select_from(security_events).where(*where))


class SqlSecurityEvents:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch_by_ids(self, ids: Sequence[SecurityEventId]) -> Mapping[SecurityEventId, KeptEvent]:
        return {row[0]: _event(row) for row in await self._database.fetch(BY_IDS, ids=ids)}

    async def fetch_page(self, request: SecurityEventPageRequest) -> SecurityEventPage:
        values = values_of(request.filter)
        statement = page_statement(tuple(values), keyset.shape_of(request.window))
        rows = await self._database.fetch(statement, **values, **keyset.page_binds(request.window))
        return cut(keyset.fetched(rows, _event, request.window), request.window, _cursor_of, request.filter)

    async def fetch_count(self, filter: SecurityEventFilter) -> int:
        values = values_of(filter)
        return int((await self._database.fetch(count_statement(tuple(values)), **values))[0][0])

    async def append(self, events: Sequence[KeptEvent]) -> None:
        await self._database.fetch(APPEND, **_binds(events))

    async def forget(self, days: int, most: int) -> int:
        return int((await self._database.fetch(FORGET, days=days, most=most))[0][0])


async def append_with(transaction: Transaction, id: UUID, event: SecurityEvent) -> None:
    """In a write's own transaction: kept with the write, or not at all."""
    await transaction.fetch(APPEND, **_binds([kept(SecurityEventId(id), event)]))


def values_of(filter: SecurityEventFilter) -> dict[str, object]:
    """By the name of each condition that applies."""
    values = {
        "kind": filter.kind,
        "actor_id": filter.actor_id,
        "created_from": filter.created_at.start,
        "created_until": filter.created_at.end,
    }
    return {name: value for name, value in values.items() if value is not None}


def _binds(events: Sequence[KeptEvent]) -> dict[str, object]:
    return {f"given_{name}": [getattr(event, name) for event in events] for name in NAMES}


def _event(row: asyncpg.Record) -> KeptEvent:
    return KeptEvent(*row[: len(COLUMNS)])


def _cursor_of(event: KeptEvent) -> str:
    position = position_of(event)
    return encode_cursor(ORDER, position.sort, position.id)
