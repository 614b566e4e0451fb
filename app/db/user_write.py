"""The writes of users: user, entry of its trail and security event in one transaction."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg
from sqlalchemy import Uuid, and_, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.db.database import Database, Transaction
from app.db.security_event import append_with
from app.db.statement import Statement
from app.db.tables import user_audit_entries, user_identities, users
from app.db.user import COLUMNS
from app.domain.security_event.model import SecurityEvent
from app.domain.user.model import User, UserAuditEntry
from app.kernel.clock import NewId
from app.kernel.errors import DuplicateEmail
from app.kernel.ids import UserId

EMAIL_IS_TAKEN = ("users_email_unique", "users_email_unique_in_any_case")
CREATED = ("id", "name", "email", "role", "created_at")
CHANGED = ("name", "email", "role", "disabled_at")
ENTRY = tuple(column.name for column in user_audit_entries.c)
column = users.c
# All rows at once and in one order, so that two who change each other never wait for each other crosswise. A row that
# another transaction takes out of the condition meanwhile is not among them any more.
LOCK = Statement(
    "user.lock",
    select(*COLUMNS)
    .where(
        or_(
            column.id == bindparam("of_id", type_=Uuid),
            and_(column.role == "ADMIN", column.disabled_at.is_(None)),
        )
    )
    .order_by(column.id)
    .with_for_update(key_share=True),
)
INSERT = Statement(
    "user.insert", insert(users).values({name: bindparam(f"user_{name}", type_=column[name].type) for name in CREATED})
)
UPDATE = Statement(
    "user.update",
    update(users)
    .where(column.id == bindparam("user_id", type_=Uuid))
    .values({name: bindparam(f"user_{name}", type_=column[name].type) for name in CHANGED}),
)
SET_PASSWORD = Statement(
    "user.set_password",
    update(users)
    .where(column.id == bindparam("of_id", type_=Uuid))
    .values(password_hash=bindparam("new_hash"), password_version=column.password_version + 1),
)
LOG = Statement(
    "user_audit.insert",
    insert(user_audit_entries).values(
        {name: bindparam(f"entry_{name}", type_=user_audit_entries.c[name].type) for name in ENTRY}
    ),
)
LINKED = ("issuer", "subject", "user_id", "created_at")
identity = user_identities.c
LINK = Statement(
    "user.link",
    insert(user_identities)
    .values({name: bindparam(f"new_{name}", type_=identity[name].type) for name in LINKED})
    .on_conflict_do_nothing(constraint="user_identities_one_user")
    .returning(identity.user_id),
)
BY_EMAIL = Statement(
    "user.by_email", select(column.id).where(func.lower(column.email) == func.lower(bindparam("email")))
)


class SqlUserWork:
    """`tried` is of the last write: whoever translates a broken law needs it."""

    def __init__(self, transaction: Transaction, new_id: NewId) -> None:
        self._transaction, self._new_id = transaction, new_id
        self.tried: User | None = None

    async def lock(self, id: UserId | None) -> Mapping[UserId, User]:
        return {row[0]: User(*row) for row in await self._transaction.fetch(LOCK, of_id=id)}

    async def write(self, before: User | None, after: User, entry: UserAuditEntry, event: SecurityEvent | None) -> None:
        self.tried = after
        names = CREATED if before is None else ("id", *CHANGED)
        values = {f"user_{name}": getattr(after, name) for name in names}
        await self._transaction.fetch(INSERT if before is None else UPDATE, **values)
        await self._transaction.fetch(LOG, **{f"entry_{name}": getattr(entry, name) for name in ENTRY})
        await self._append(event)

    async def set_password(self, id: UserId, password_hash: str, event: SecurityEvent | None) -> None:
        await self._transaction.fetch(SET_PASSWORD, of_id=id, new_hash=password_hash)
        await self._append(event)

    async def link(self, id: UserId, issuer: str, subject: str, at: datetime, event: SecurityEvent) -> bool:
        new = {"new_issuer": issuer, "new_subject": subject, "new_user_id": id, "new_created_at": at}
        linked = await self._transaction.fetch(LINK, **new)
        if linked:
            await self._append(event)
        return bool(linked)

    async def _append(self, event: SecurityEvent | None) -> None:
        if event is not None:
            await append_with(self._transaction, self._new_id(), event)


class SqlUserWrites:
    """`new_id` makes the ids of security events."""

    def __init__(self, database: Database, new_id: NewId) -> None:
        self._database, self._new_id = database, new_id

    @asynccontextmanager
    async def work(self) -> AsyncIterator[SqlUserWork]:
        work: SqlUserWork | None = None
        try:
            async with self._database.transaction() as transaction:
                work = SqlUserWork(transaction, self._new_id)
                yield work
        except asyncpg.UniqueViolationError as error:
            if work is None or work.tried is None or error.constraint_name not in EMAIL_IS_TAKEN:
                raise
            rows = await self._database.fetch(BY_EMAIL, email=work.tried.email)
            raise DuplicateEmail(rows[0][0] if rows else None) from error
