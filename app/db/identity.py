"""Statements on who a user is at a provider of single sign-on; links are made with users, in db/user_write.py."""

from contextlib import AbstractAsyncContextManager

from sqlalchemy import Text, bindparam, select

from app.db.database import Database
from app.db.statement import Statement
from app.db.tables import user_identities, users
from app.db.user import COLUMNS
from app.db.user_write import SqlUserWork, SqlUserWrites
from app.domain.session.model import Linked
from app.domain.user.model import User

identity = user_identities.c
LINKED = Statement(
    "identity.linked",
    select(*COLUMNS, users.c.password_version)
    .select_from(user_identities.join(users, identity.user_id == users.c.id))
    .where(
        identity.issuer == bindparam("of_issuer", type_=Text),
        identity.subject == bindparam("of_subject", type_=Text),
    ),
)


class SqlIdentities:
    def __init__(self, database: Database, users: SqlUserWrites) -> None:
        self._database, self._users = database, users

    def work(self) -> AbstractAsyncContextManager[SqlUserWork]:
        return self._users.work()

    async def fetch(self, issuer: str, subject: str) -> Linked | None:
        rows = await self._database.fetch(LINKED, of_issuer=issuer, of_subject=subject)
        return Linked(User(*rows[0][:-1]), rows[0][-1]) if rows else None
