"""Statements on users."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import asyncpg
from sqlalchemy import ARRAY, Text, Uuid, any_, bindparam, func, null, select

from app.db import keyset
from app.db.database import Database
from app.db.excerpt import words_of
from app.db.statement import Statement
from app.db.tables import sessions, users
from app.domain.user.model import ORDER, User, UserPageRequest, UserScope, position_of
from app.domain.user.ports import UserPage
from app.kernel.actor import Actor
from app.kernel.cursor import encode_cursor
from app.kernel.ids import SessionId, UserId
from app.kernel.page import cut

column = users.c
COLUMNS = (column.id, column.name, column.email, column.role, column.created_at, column.disabled_at)
WIDTH = len(COLUMNS)
# Of one who is named by what the actor sees: nothing that not everybody may read of them (behaviour.md, users:read).
WORDS = words_of("User", (column.id, column.name, column.role, column.created_at), ("role",))
LISTED = keyset.Keyset(COLUMNS, column.created_at, column.id, ascending=True)
BY_IDS = Statement("user.by_ids", select(*COLUMNS).where(column.id == any_(bindparam("ids", type_=ARRAY(Uuid)))))
BY_ID = Statement("user.by_ids", select(*COLUMNS).where(column.id == bindparam("of_id")))
ENABLED = (column.id == bindparam("of_id"), column.disabled_at.is_(None))
ROLE = Statement("user.role", select(column.role).where(*ENABLED))
ROLE_IN_SESSION = Statement(
    "user.role",
    select(column.role)
    .join(sessions, sessions.c.user_id == column.id)
    .where(*ENABLED, sessions.c.id == bindparam("of_session"), sessions.c.revoked_at.is_(None)),
)
FIRST = Statement(
    "user.first",
    select(*COLUMNS)
    .where(
        column.role == func.coalesce(bindparam("of_role", type_=Text), column.role),
        column.email == func.coalesce(bindparam("of_email", type_=Text), column.email),
    )
    .order_by(column.created_at, column.id)
    .limit(1),
)


@lru_cache(8)
def page_statement(of_one: bool, shape: keyset.Shape) -> Statement:
    where = [column.id == bindparam("visible_to", type_=Uuid)] if of_one else []
    return Statement("user.page", keyset.page_select(LISTED, where, shape))


COUNT = Statement("user.count", select(func.count()).select_from(users))


def along(key: str, unread: frozenset[str]) -> keyset.Along:
    """The user whom the column of that name has the id of; NULL for what is not to be read."""
    return keyset.Along(tuple(null().label(c.name) if c.name in unread else c for c in COLUMNS), key, column.id)


class SqlUsers:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch_by_ids(self, ids: Sequence[UserId]) -> Mapping[UserId, User]:
        if len(ids) == 1:  # see SqlFeatures
            rows = await self._database.fetch(BY_ID, of_id=ids[0])
        else:
            rows = await self._database.fetch(BY_IDS, ids=ids)
        return {row[0]: User(*row) for row in rows}

    async def fetch_page(self, request: UserPageRequest, visible_to: UserId | None) -> UserPage:
        statement = page_statement(visible_to is not None, keyset.shape_of(request.window))
        binds = keyset.page_binds(request.window)
        if visible_to is not None:
            binds["visible_to"] = visible_to
        rows = await self._database.fetch(statement, **binds)
        return cut(keyset.fetched(rows, _user, request.window), request.window, _cursor_of, UserScope(visible_to))

    async def fetch_count(self, scope: UserScope) -> int:
        if scope.visible_to is not None:
            return len(await self.fetch_by_ids([scope.visible_to]))
        return int((await self._database.fetch(COUNT))[0][0])

    async def fetch_actor(self, id: UserId, session_id: SessionId | None) -> Actor | None:
        """The user as one who asks, with the role of this moment. None where the user is disabled, or the session is
        not theirs or has been revoked; when it runs out, so does the token."""
        if session_id is None:
            rows = await self._database.fetch(ROLE, of_id=id)
        else:
            rows = await self._database.fetch(ROLE_IN_SESSION, of_id=id, of_session=session_id)
        return Actor(id, rows[0][0], session_id=session_id) if rows else None

    async def fetch_first(self, role: str | None, email: str | None) -> User | None:
        """The oldest user of that role and email, where they are given."""
        rows = await self._database.fetch(FIRST, of_role=role, of_email=email)
        return User(*rows[0]) if rows else None


def _user(row: asyncpg.Record) -> User:
    return User(*row[: len(COLUMNS)])


def _cursor_of(user: User) -> str:
    position = position_of(user)
    return encode_cursor(ORDER, position.sort, position.id)
