"""Statements on the events that wait to be published (R46).

Rows are read in the order of their ids, as far as they can be seen, and deleted once they are published. No place in
the table is remembered, so a transaction that drew its ids early and commits late is not passed over: its rows come
with the next look. Ids of one feature are in the order of its versions: who writes the next version holds the feature's
row, and gets it only when everybody can see the rows of who had it before.
"""

from typing import Any

import asyncpg
from sqlalchemy import ARRAY, BigInteger, Integer, Uuid, any_, bindparam, cast, delete, func, select

from app.db.database import Database
from app.db.statement import Statement
from app.db.tables import outbox
from app.domain.outbox.model import Event, Waiting
from app.domain.outbox.ports import Publish

c = outbox.c
MOST = bindparam("most", type_=BigInteger)
WAITING = Statement(
    "outbox.waiting",
    select(
        select(func.count()).select_from(select(c.id).limit(MOST).subquery()).scalar_subquery(),
        select(c.created_at).order_by(c.id).limit(1).scalar_subquery(),
    ),
)
# Of the transaction, not of the session: so it is released however that ends, and works behind PgBouncer.
LOCK = Statement("outbox.lock", select(func.pg_try_advisory_xact_lock(func.hashtext("outbox"))))
NEXT = Statement(
    "outbox.next",
    select(
        c.id,
        c.event_id,
        c.type,
        c.feature_id,
        cast(c.payload["version"].astext, Integer),
        cast(c.payload["actorId"].astext, Uuid),
        c.created_at,
        c.payload,
    )
    .order_by(c.id)
    .limit(MOST),
)
FORGET = Statement("outbox.forget", delete(outbox).where(c.id == any_(bindparam("ids", type_=ARRAY(BigInteger)))))


class SqlOutbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch_waiting(self, most: int) -> Waiting:
        [row] = await self._database.fetch(WAITING, most=most)
        return Waiting(*row)

    async def relay(self, publish: Publish, most: int) -> int | None:
        """The lock is held while others are told, or two processes would tell a feature's versions crosswise. What is
        seen is what was committed when the lock was ours, so nothing is told twice unless somebody dies in between."""
        async with self._database.transaction() as transaction:
            [[ours]] = await transaction.fetch(LOCK)
            if not ours:
                return None
            rows = await transaction.fetch(NEXT, most=most)
            if rows:
                await publish([_event(row) for row in rows])
                await transaction.fetch(FORGET, ids=[row[0] for row in rows])
        return len(rows)


def _event(row: asyncpg.Record) -> Event:
    cells: tuple[Any, ...] = tuple(row)
    return Event(*cells[1:])
