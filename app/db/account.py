"""Statements that make and change users, by their email in any case; what ends sessions is a trigger of the table."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
from sqlalchemy import TIMESTAMP, Integer, Text, bindparam, case, func, insert, null, select, update

from app.db.database import Database
from app.db.statement import Statement
from app.db.tables import users
from app.domain.user.model import User
from app.kernel.actor import Role

column = users.c
COLUMNS = (column.id, column.name, column.email, column.role, column.created_at)
OF_EMAIL = func.lower(column.email) == func.lower(bindparam("of_email", type_=Text))
AT = bindparam("at", type_=TIMESTAMP(timezone=True))
CREATE = Statement(
    "account.create",
    insert(users).values(
        {found.name: bindparam(f"new_{found.name}", type_=found.type) for found in (*COLUMNS, column.password_hash)}
    ),
)
BY_EMAIL = Statement("account.by_email", select(*COLUMNS).where(OF_EMAIL))
ALL = Statement(
    "account.all",
    select(*COLUMNS, column.disabled_at).order_by(column.created_at, column.id).limit(bindparam("most", type_=Integer)),
)
SET_PASSWORD = Statement(
    "account.set_password",
    update(users)
    .where(OF_EMAIL)
    .values(password_hash=bindparam("new_hash"), password_version=column.password_version + 1)
    .returning(*COLUMNS),
)
SET_DISABLED = Statement(
    "account.set_disabled",
    update(users)
    .where(OF_EMAIL)
    .values(disabled_at=case((AT.is_(None), null()), else_=func.coalesce(column.disabled_at, AT)))
    .returning(*COLUMNS),
)
SET_ROLE = Statement(
    "account.set_role", update(users).where(OF_EMAIL).values(role=bindparam("new_role")).returning(*COLUMNS)
)
TAKEN = ("users_email_unique", "users_email_unique_in_any_case")


class SqlAccounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, user: User, password_hash: str) -> bool:
        new = {f"new_{found.name}": getattr(user, found.name) for found in COLUMNS}
        try:
            await self._database.fetch(CREATE, **new, new_password_hash=password_hash)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name not in TAKEN:
                raise
            return False
        return True

    async def fetch(self, email: str) -> User | None:
        return await self._one(BY_EMAIL, email)

    async def fetch_all(self, most: int) -> Sequence[tuple[User, datetime | None]]:
        rows = await self._database.fetch(ALL, most=most)
        return [(User(*row[:-1]), row[-1]) for row in rows]

    async def set_password(self, email: str, password_hash: str) -> User | None:
        return await self._one(SET_PASSWORD, email, new_hash=password_hash)

    async def set_disabled(self, email: str, at: datetime | None) -> User | None:
        return await self._one(SET_DISABLED, email, at=at)

    async def set_role(self, email: str, role: Role) -> User | None:
        return await self._one(SET_ROLE, email, new_role=role)

    async def _one(self, statement: Statement, email: str, **given: object) -> User | None:
        rows = await self._database.fetch(statement, of_email=email, **given)
        return User(*rows[0]) if rows else None
