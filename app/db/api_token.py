"""Statements on API tokens. The hash goes in and is looked for; it never comes out."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import lru_cache
from uuid import UUID

import asyncpg
from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import TIMESTAMP

from app.db import keyset
from app.db.database import Database, Transaction
from app.db.security_event import append_with
from app.db.statement import Statement
from app.db.tables import api_tokens, users
from app.domain.api_token.model import ORDER, ApiToken, TokenPageRequest, TokenScope, position_of
from app.domain.api_token.ports import TokenPage
from app.domain.security_event.model import SecurityEvent
from app.kernel.actor import Actor
from app.kernel.clock import NewId
from app.kernel.cursor import encode_cursor
from app.kernel.errors import NotFound, TokenLimitExceeded
from app.kernel.ids import ApiTokenId, UserId
from app.kernel.page import Fetched, cut

column = api_tokens.c
COLUMNS = tuple(one for one in column if one.name != "hash")
USER_PLACE = [one.name for one in COLUMNS].index("user_id")  # in a row
LISTED = keyset.Keyset(COLUMNS, column.created_at, column.id, ascending=False)
IDS = bindparam("ids", type_=ARRAY(Uuid))
TIME = TIMESTAMP(timezone=True)
VISIBLE = column.user_id == func.coalesce(bindparam("visible_to", type_=Uuid), column.user_id)

BY_IDS = Statement("api_token.by_ids", select(*COLUMNS).where(column.id == any_(IDS), VISIBLE))
COUNT = Statement(
    "api_token.count",
    select(func.count(), column.user_id).where(column.user_id == any_(IDS), VISIBLE).group_by(column.user_id),
)
BY_HASH = Statement(
    "api_token.by_hash",
    select(column.id, users.c.id, users.c.role, column.scopes, column.expires_at)
    .join_from(api_tokens, users, (users.c.id == column.user_id) & users.c.disabled_at.is_(None))
    .where(column.hash == bindparam("of_hash"), column.revoked_at.is_(None)),
)
LOCK_USER = Statement(
    "api_token.lock_user", select(users.c.id).where(users.c.id == bindparam("of_id")).with_for_update(key_share=True)
)
LIVE = (
    select(func.count())
    .where(
        column.user_id == bindparam("token_user_id"),
        column.revoked_at.is_(None),
        column.expires_at > bindparam("token_created_at"),
    )
    .scalar_subquery()
)
ADD = Statement(
    "api_token.add",
    insert(api_tokens)
    .from_select(
        [one.name for one in column],
        select(*(bindparam(f"token_{one.name}", type_=one.type) for one in column)).where(bindparam("limit") > LIVE),
    )
    .returning(column.id),
)
REVOKE = Statement(
    "api_token.revoke",
    update(api_tokens)
    .where(column.id == bindparam("of_id"), VISIBLE)
    .values(revoked_at=func.coalesce(column.revoked_at, bindparam("at", type_=TIME)))
    .returning(*COLUMNS),
)
USED = func.unnest(IDS, bindparam("times", type_=ARRAY(TIME))).table_valued("id", "at").render_derived("used")
NOTE_USES = Statement(
    "api_token.note_uses",
    update(api_tokens).where(column.id == USED.c.id).values(last_used_at=func.greatest(column.last_used_at, USED.c.at)),
)


@lru_cache(16)
def page_statement(of_one: bool, shape: keyset.Shape) -> Statement:
    where = [column.user_id == bindparam("visible_to", type_=Uuid)] if of_one else []
    return Statement("api_token.page", keyset.page_select(LISTED, where, shape, column.user_id))


class SqlApiTokenWork:
    def __init__(self, transaction: Transaction, new_id: NewId) -> None:
        self._transaction, self._new_id = transaction, new_id

    async def revoke(self, id: ApiTokenId, at: datetime, visible_to: UserId | None) -> ApiToken | None:
        rows = await self._transaction.fetch(REVOKE, of_id=id, at=at, visible_to=visible_to)
        return ApiToken(*rows[0]) if rows else None

    async def append(self, event: SecurityEvent) -> None:
        await append_with(self._transaction, self._new_id(), event)


class SqlApiTokens:
    """`new_id` makes the ids of security events."""

    def __init__(self, database: Database, new_id: NewId) -> None:
        self._database, self._new_id = database, new_id

    async def fetch_by_ids(self, ids: Sequence[ApiTokenId], visible_to: UserId | None) -> Mapping[ApiTokenId, ApiToken]:
        rows = await self._database.fetch(BY_IDS, ids=ids, visible_to=visible_to)
        return {row[0]: ApiToken(*row) for row in rows}

    async def fetch_pages_of_users(
        self, ids: Sequence[UserId], request: TokenPageRequest, visible_to: UserId | None
    ) -> Mapping[UserId, TokenPage]:
        statement = page_statement(visible_to is not None, keyset.shape_of(request.window))
        binds = keyset.page_binds(request.window)
        if visible_to is not None:
            binds["visible_to"] = visible_to
        rows = await self._database.fetch(statement, ids=ids, **binds)
        found = keyset.fetched_per_parent(ids, rows, _token, request.window, USER_PLACE)
        return {id: _page(fetched, request, TokenScope(id, visible_to)) for id, fetched in found.items()}

    async def fetch_counts(self, scopes: Sequence[TokenScope]) -> Mapping[TokenScope, int]:
        """One statement for all users who are counted for the same actor."""
        found = dict.fromkeys(scopes, 0)
        for visible_to in {scope.visible_to for scope in scopes}:
            alike = {scope.user_id: scope for scope in scopes if scope.visible_to == visible_to}
            for row in await self._database.fetch(COUNT, ids=list(alike), visible_to=visible_to):
                found[alike[row[1]]] = row[0]
        return found

    async def add(self, token: ApiToken, hash: bytes, limit: int, event: SecurityEvent) -> None:
        """The user's row is locked, so that whoever adds at the same time counts what this one has added; a counter
        with a CHECK, as of active features, would not know that a token has run out."""
        binds = {f"token_{one.name}": getattr(token, one.name) for one in COLUMNS}
        async with self._database.transaction() as transaction:
            if not await transaction.fetch(LOCK_USER, of_id=token.user_id):
                raise NotFound("There is no such user.", ("userId",))
            if not await transaction.fetch(ADD, **binds, token_hash=hash, limit=limit):
                raise TokenLimitExceeded(limit)
            await SqlApiTokenWork(transaction, self._new_id).append(event)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[SqlApiTokenWork]:
        async with self._database.transaction() as transaction:
            yield SqlApiTokenWork(transaction, self._new_id)

    async def fetch_actor(self, hash: bytes) -> tuple[ApiTokenId, Actor] | None:
        """The token and its user as one who asks, with the role of this moment; None where one is revoked, or the
        other disabled. It may have run out: the actor says when."""
        rows = await self._database.fetch(BY_HASH, of_hash=hash)
        if not rows:
            return None
        id, user_id, role, scopes, expires_at = rows[0]
        return id, Actor(user_id, role, frozenset(scopes), expires_at)

    async def note_uses(self, uses: Mapping[ApiTokenId, datetime]) -> None:
        """When each was last used; a time never goes back."""
        if uses:
            await self._database.fetch(NOTE_USES, ids=list[UUID](uses), times=list(uses.values()))


def _token(row: asyncpg.Record) -> ApiToken:
    return ApiToken(*row[: len(COLUMNS)])


def _page(fetched: Fetched[ApiToken], request: TokenPageRequest, scope: TokenScope) -> TokenPage:
    return cut(fetched, request.window, _cursor_of, scope)


def _cursor_of(token: ApiToken) -> str:
    position = position_of(token)
    return encode_cursor(ORDER, position.sort, position.id)
