"""Statements on signing keys. The application's role may only read them; the others are an operator's, as the owner."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from app.db.database import Database, Rows, Transaction
from app.db.security_event import append_with
from app.db.statement import Statement
from app.db.tables import signing_keys
from app.domain.security_event.model import SecurityEvent
from app.domain.signing_key.model import SigningKey
from app.kernel.clock import NewId

column = signing_keys.c
COLUMNS = (
    column.kid,
    column.public_jwk,
    column.private_key,
    column.created_at,
    column.signs_from,
    column.signs_until,
    column.verifies_until,
    column.revoked_at,
)
ALL = Statement("signing_key.all", select(*COLUMNS).order_by(column.signs_from, column.kid))
NOW = Statement("signing_key.now", select(func.clock_timestamp()))
LOCK = Statement("signing_key.lock", select(func.pg_advisory_xact_lock(func.hashtext("feature_api_signing_keys"))))
ADD = Statement(
    "signing_key.add",
    insert(signing_keys).values(
        kid=bindparam("kid"),
        algorithm=bindparam("algorithm"),
        public_jwk=bindparam("public_jwk"),
        private_key=bindparam("private_key"),
        created_at=bindparam("created_at"),
        signs_from=bindparam("signs_from"),
    ),
)
END = Statement(
    "signing_key.end",
    update(signing_keys)
    .where(column.revoked_at.is_(None), or_(column.signs_until.is_(None), column.signs_until > bindparam("now")))
    .values(signs_until=bindparam("signs_end"), verifies_until=bindparam("verifies_end")),
)
REVOKE = Statement(
    "signing_key.revoke",
    update(signing_keys).where(column.kid == bindparam("of_kid")).values(revoked_at=bindparam("revoked")),
)
DROP = Statement("signing_key.drop", delete(signing_keys).where(column.verifies_until <= bindparam("before")))


class SqlSigningKeyWork:
    def __init__(self, transaction: Transaction, new_id: NewId) -> None:
        self._transaction, self._new_id = transaction, new_id

    async def fetch_now(self) -> datetime:
        """The database's clock, which all that ask share."""
        now: datetime = (await self._transaction.fetch(NOW))[0][0]
        return now

    async def fetch_all(self) -> Sequence[SigningKey]:
        return _keys(await self._transaction.fetch(ALL))

    async def add(self, key: SigningKey) -> None:
        await self._transaction.fetch(
            ADD,
            kid=key.kid,
            algorithm="Ed25519",
            public_jwk=key.public_jwk,
            private_key=key.sealed,
            created_at=key.created_at,
            signs_from=key.signs_from,
        )

    async def end(self, now: datetime, signs_until: datetime, verifies_until: datetime) -> None:
        await self._transaction.fetch(END, now=now, signs_end=signs_until, verifies_end=verifies_until)

    async def revoke(self, kid: str, at: datetime) -> None:
        await self._transaction.fetch(REVOKE, of_kid=kid, revoked=at)

    async def drop(self, before: datetime) -> None:
        await self._transaction.fetch(DROP, before=before)

    async def append(self, event: SecurityEvent) -> None:
        await append_with(self._transaction, self._new_id(), event)


class SqlSigningKeys:
    """`new_id` makes the ids of security events."""

    def __init__(self, database: Database, new_id: NewId) -> None:
        self._database, self._new_id = database, new_id

    async def fetch_all(self) -> Sequence[SigningKey]:
        return _keys(await self._database.fetch(ALL))

    @asynccontextmanager
    async def work(self) -> AsyncIterator[SqlSigningKeyWork]:
        async with self._database.transaction() as transaction:
            await transaction.fetch(LOCK)
            yield SqlSigningKeyWork(transaction, self._new_id)


def _keys(rows: Rows) -> list[SigningKey]:
    return [SigningKey(row[0], row[1].parse_object(), *row[2:]) for row in rows]
