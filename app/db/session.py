"""Statements on sessions and refresh tokens: what must be exact under races is one statement, or holds a lock (R20)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    TIMESTAMP,
    Boolean,
    Column,
    Integer,
    Interval,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from app.db.database import Database
from app.db.statement import Statement
from app.db.tables import refresh_tokens, sessions, users
from app.domain.session.model import Account, Session, Spent
from app.kernel.ids import SessionId, UserId

s, t = sessions.c, refresh_tokens.c
COLUMNS = (s.id, s.user_id, s.created_at, s.last_used_at, s.expires_at, s.user_agent, s.address)
INSTANT = TIMESTAMP(timezone=True)
NOW = bindparam("now", type_=INSTANT)
TOKEN = bindparam("token", type_=LargeBinary)
ALIVE = (s.revoked_at.is_(None), s.expires_at > NOW)
FOUND = func.account_of_email(bindparam("email", type_=Text)).table_valued(
    Column("user_id", Uuid), Column("password_hash", Text), Column("password_version", Integer),
    Column("disabled", Boolean),
)  # fmt: skip
ACCOUNT = Statement(
    "session.account", select(FOUND.c.user_id, FOUND.c.password_hash, FOUND.c.password_version, FOUND.c.disabled)
)
SAME_PASSWORD = (
    users.c.id == bindparam("of_user"),
    users.c.password_version == bindparam("version"),
    users.c.disabled_at.is_(None),
)
UPGRADE = Statement(
    "session.upgrade_password", update(users).where(*SAME_PASSWORD).values(password_hash=bindparam("new_hash"))
)
LOCK_USER = Statement("session.lock_user", select(users.c.id).where(*SAME_PASSWORD).with_for_update(key_share=True))
OPEN = Statement(
    "session.open",
    select(
        insert(refresh_tokens)
        .from_select(
            ["hash", "session_id", "created_at"],
            select(
                TOKEN,
                insert(sessions)
                .values({column.name: bindparam(f"new_{column.name}", type_=column.type) for column in COLUMNS})
                .returning(s.id, s.created_at)
                .cte("opened")
                .c.id,
                NOW,
            ),
        )
        .returning(t.session_id)
        .cte("first")
        .c.session_id
    ),
)
END_OLDEST = Statement(
    "session.end_oldest",
    update(sessions)
    .where(
        s.id.in_(
            select(s.id)
            .where(s.user_id == bindparam("of_user"), *ALIVE)
            .order_by(s.last_used_at.desc(), s.id.desc())
            .offset(bindparam("keep", type_=Integer))
        )
    )
    .values(revoked_at=NOW),
)


def _rotate() -> Statement:
    """spent     UPDATE refresh_tokens: of several at once, one finds the token unspent
    renewed   UPDATE sessions, unless it was revoked meanwhile
    followed  INSERT refresh_tokens: the successor"""
    usable = (t.session_id == s.id, s.user_id == users.c.id, users.c.disabled_at.is_(None), *ALIVE)
    spent = (
        update(refresh_tokens)
        .where(t.hash == TOKEN, t.used_at.is_(None), *usable)
        .values(used_at=NOW, nonce=bindparam("new_nonce", type_=LargeBinary))
        .returning(t.session_id)
        .cte("spent")
    )
    end = func.least(NOW + bindparam("idle", type_=Interval), s.created_at + bindparam("longest", type_=Interval))
    renewed = (
        update(sessions)
        .where(s.id == spent.c.session_id, s.revoked_at.is_(None))
        .values(last_used_at=NOW, expires_at=end)
        .returning(*COLUMNS)
        .cte("renewed")
    )
    followed = (
        insert(refresh_tokens)
        .from_select(
            ["hash", "session_id", "created_at"],
            select(bindparam("successor", type_=LargeBinary), renewed.c.id, NOW),
        )
        .returning(t.session_id)
        .cte("followed")
    )
    return Statement("session.rotate", select(*renewed.c).add_cte(followed))


ROTATE = _rotate()
SPENT = Statement(
    "session.spent",
    select(
        *COLUMNS, or_(s.revoked_at.is_not(None), s.expires_at <= NOW, users.c.disabled_at.is_not(None)),
        t.used_at, t.nonce,
    )
    .select_from(refresh_tokens.join(sessions, t.session_id == s.id).join(users, s.user_id == users.c.id))
    .where(t.hash == TOKEN),
)  # fmt: skip
REVOKE = Statement(
    "session.revoke",
    update(sessions)
    .where(
        s.id == bindparam("of_id"),
        s.user_id == func.coalesce(bindparam("of_user", type_=Uuid), s.user_id),
        *ALIVE,
    )
    .values(revoked_at=NOW)
    .returning(s.user_id),
)
REVOKE_BY_TOKEN = Statement(
    "session.revoke_by_token",
    update(sessions)
    .where(s.id == t.session_id, t.hash == TOKEN, *ALIVE)
    .values(revoked_at=NOW)
    .returning(s.id, s.user_id),
)
OF_USER = Statement(
    "session.of_user",
    select(*COLUMNS)
    .where(s.user_id == bindparam("of_user"), *ALIVE)
    .order_by(s.last_used_at.desc(), s.id.desc())
    .limit(bindparam("most", type_=Integer)),
)
# Servers that purge at the same time take different rows, and none waits for another.
BEFORE, MOST = bindparam("before", type_=INSTANT), bindparam("most", type_=Integer)
PURGE_SESSIONS = Statement(
    "session.purge",
    delete(sessions)
    .where(
        s.id.in_(
            select(s.id)
            .where(func.least(s.expires_at, s.revoked_at) < BEFORE)
            .limit(MOST)
            .with_for_update(skip_locked=True)
        )
    )
    .returning(s.id),
)
PURGE_TOKENS = Statement(
    "session.purge_tokens",
    delete(refresh_tokens)
    .where(t.hash.in_(select(t.hash).where(t.used_at < BEFORE).limit(MOST).with_for_update(skip_locked=True)))
    .returning(t.session_id),
)
MOST_LISTED = 100  # more than a user can have


class SqlSessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch_account(self, email: str) -> Account | None:
        rows = await self._database.fetch(ACCOUNT, email=email)
        return Account(*rows[0]) if rows else None

    async def upgrade_password(self, account: Account, password_hash: str) -> None:
        await self._database.fetch(
            UPGRADE, of_user=account.user_id, version=account.password_version, new_hash=password_hash
        )

    async def open(self, session: Session, password_version: int, token: bytes, keep: int) -> bool:
        new = {f"new_{column.name}": getattr(session, column.name) for column in COLUMNS}
        of_user, now = session.user_id, session.created_at
        async with self._database.transaction() as transaction:
            # Who disables the user or changes the password waits for this row, and then ends the session as well.
            if not await transaction.fetch(LOCK_USER, of_user=of_user, version=password_version):
                return False
            await transaction.fetch(END_OLDEST, of_user=of_user, keep=keep, now=now)
            await transaction.fetch(OPEN, **new, token=token, now=now)
        return True

    async def rotate(
        self, token: bytes, successor: bytes, nonce: bytes, now: datetime, idle: timedelta, longest: timedelta
    ) -> Session | None:
        rows = await self._database.fetch(
            ROTATE, token=token, successor=successor, new_nonce=nonce, now=now, idle=idle, longest=longest
        )
        return Session(*rows[0]) if rows else None

    async def fetch_spent(self, token: bytes, now: datetime) -> Spent | None:
        rows = await self._database.fetch(SPENT, token=token, now=now)
        if not rows:
            return None
        *session, ended, used_at, nonce = rows[0]
        return Spent(Session(*session), ended, used_at, nonce)

    async def revoke(self, id: SessionId, of_user: UserId | None, now: datetime) -> UserId | None:
        rows = await self._database.fetch(REVOKE, of_id=id, of_user=of_user, now=now)
        return UserId(rows[0][0]) if rows else None

    async def revoke_by_token(self, token: bytes, now: datetime) -> tuple[SessionId, UserId] | None:
        rows = await self._database.fetch(REVOKE_BY_TOKEN, token=token, now=now)
        return (SessionId(rows[0][0]), UserId(rows[0][1])) if rows else None

    async def fetch_alive(self, user_id: UserId, now: datetime) -> Sequence[Session]:
        rows = await self._database.fetch(OF_USER, of_user=user_id, now=now, most=MOST_LISTED)
        return [Session(*row) for row in rows]

    async def purge(self, ended_before: datetime, spent_before: datetime, most: int) -> int:
        """How many rows went: `most` sessions and `most` refresh tokens at most."""
        gone = await self._database.fetch(PURGE_SESSIONS, before=ended_before, most=most)
        return len(gone) + len(await self._database.fetch(PURGE_TOKENS, before=spent_before, most=most))
