"""Statements that find users by their email in any case, and all of them, for whoever runs the server."""

from collections.abc import Sequence

from sqlalchemy import Integer, Text, bindparam, func, select

from app.db.database import Database
from app.db.statement import Statement
from app.db.user import COLUMNS, column
from app.domain.user.model import User

BY_EMAIL = Statement(
    "account.by_email",
    select(*COLUMNS).where(func.lower(column.email) == func.lower(bindparam("of_email", type_=Text))),
)
ALL = Statement(
    "account.all",
    select(*COLUMNS).order_by(column.created_at, column.id).limit(bindparam("most", type_=Integer)),
)


class SqlAccounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch(self, email: str) -> User | None:
        rows = await self._database.fetch(BY_EMAIL, of_email=email)
        return User(*rows[0]) if rows else None

    async def fetch_all(self, most: int) -> Sequence[User]:
        return [User(*row) for row in await self._database.fetch(ALL, most=most)]
