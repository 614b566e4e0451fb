"""Statements that read what was done to users."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import asyncpg
from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, select

from app.db import keyset
from app.db.database import Database
from app.db.statement import Statement
from app.db.tables import user_audit_entries
from app.domain.user.model import (
    ENTRY_ORDER,
    UserAuditEntry,
    UserEntryPageRequest,
    UserEntryScope,
    entry_position_of,
)
from app.domain.user.ports import UserEntryPage
from app.kernel.cursor import encode_cursor
from app.kernel.ids import UserAuditEntryId, UserId
from app.kernel.page import cut

column = user_audit_entries.c
COLUMNS = tuple(column)
PARENT = [each.name for each in COLUMNS].index("user_id")  # its place in a row
LISTED = keyset.Keyset(COLUMNS, column.created_at, column.id, ascending=False)
IDS = bindparam("ids", type_=ARRAY(Uuid))
BY_IDS = Statement("user_audit.by_ids", select(*COLUMNS).where(column.id == any_(IDS)))
COUNT = Statement(
    "user_audit.count", select(func.count(), column.user_id).where(column.user_id == any_(IDS)).group_by(column.user_id)
)


@lru_cache(8)
def page_statement(shape: keyset.Shape) -> Statement:
    return Statement("user_audit.page", keyset.page_select(LISTED, [], shape, column.user_id))


class SqlUserEntries:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch_by_ids(self, ids: Sequence[UserAuditEntryId]) -> Mapping[UserAuditEntryId, UserAuditEntry]:
        return {row[0]: _entry(row) for row in await self._database.fetch(BY_IDS, ids=ids)}

    async def fetch_pages(self, ids: Sequence[UserId], request: UserEntryPageRequest) -> Mapping[UserId, UserEntryPage]:
        statement = page_statement(keyset.shape_of(request.window))
        rows = await self._database.fetch(statement, ids=ids, **keyset.page_binds(request.window))
        found = keyset.fetched_per_parent(ids, rows, _entry, request.window, PARENT)
        return {id: cut(fetched, request.window, _cursor_of, UserEntryScope(id)) for id, fetched in found.items()}

    async def fetch_counts(self, scopes: Sequence[UserEntryScope]) -> Mapping[UserEntryScope, int]:
        found = dict.fromkeys(scopes, 0)
        for row in await self._database.fetch(COUNT, ids=[scope.user_id for scope in scopes]):
            found[UserEntryScope(row[1])] = row[0]
        return found


def _entry(row: asyncpg.Record) -> UserAuditEntry:
    return UserAuditEntry(*row[: len(COLUMNS)])


def _cursor_of(entry: UserAuditEntry) -> str:
    position = entry_position_of(entry)
    return encode_cursor(ENTRY_ORDER, position.sort, position.id)
