"""Statements on the operations that clients send (R80)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    TIMESTAMP,
    BigInteger,
    LargeBinary,
    Text,
    bindparam,
    delete,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert

from app.contract.clients import Client, SeenOperation
from app.contract.recorded import Recorded
from app.db.database import Database
from app.db.statement import Statement
from app.db.tables import recorded_operations

MOST = 20_000  # rows, or a few more where several servers write at once: what clients call themselves is without bounds
c = recorded_operations.c
KEY = (c.hash, c.client_name, c.client_version)
INSTANT = TIMESTAMP(timezone=True)
TYPES: Mapping[str, Any] = {
    "hash": LargeBinary,
    "client_name": Text,
    "client_version": Text,
    "operation_name": Text,
    "document": Text,
    "calls": BigInteger,
    "last_at": INSTANT,
}
GIVEN = func.unnest(*(bindparam(name, type_=ARRAY(type_)) for name, type_ in TYPES.items()))


def _note() -> Statement:
    given = GIVEN.table_valued(*TYPES).render_derived("given")
    known = recorded_operations.alias("known")
    full = select(func.count() >= MOST).select_from(recorded_operations).scalar_subquery()
    same = tuple_(known.c.hash, known.c.client_name, known.c.client_version)
    there = select(1).where(same == tuple_(given.c.hash, given.c.client_name, given.c.client_version)).exists()
    rows = select(*given.c, given.c.last_at).where(or_(~full, there))
    added = insert(recorded_operations).from_select([*TYPES, "first_at"], rows)
    return Statement(
        "recorded_operation.note",
        added.on_conflict_do_update(
            index_elements=[*KEY],
            set_={
                "calls": c.calls + added.excluded.calls,
                "last_at": func.greatest(c.last_at, added.excluded.last_at),
            },
        ).returning(c.calls),
    )


NOTE = _note()
SEEN = Statement(
    "recorded_operation.seen",
    select(c.hash, c.operation_name, c.document, c.client_name, c.client_version, c.calls, c.last_at)
    .where(c.last_at >= bindparam("since", type_=INSTANT))
    .order_by(c.hash, c.last_at.desc(), c.client_name, c.client_version),
)
PURGE = Statement(
    "recorded_operation.purge",
    delete(recorded_operations)
    .where(
        tuple_(*KEY).in_(
            select(*KEY)
            .where(c.last_at < bindparam("before", type_=INSTANT))
            .limit(bindparam("most", type_=BigInteger))
            .with_for_update(skip_locked=True)
        )
    )
    .returning(c.last_at),
)


class SqlRecordedOperations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, rows: Sequence[Recorded]) -> int:
        """Adds them, in the order of their keys, and says for how many there was room."""
        if not rows:
            return 0
        columns = {name: [getattr(row, name) for row in rows] for name in TYPES}
        return len(await self._database.fetch(NOTE, **columns))

    async def fetch_seen(self, since: datetime) -> list[SeenOperation]:
        """Those that somebody sent at that time or later, each with who did, who did last first."""
        found: dict[bytes, tuple[str | None, str, list[Client]]] = {}
        for hash, name, document, *client in await self._database.fetch(SEEN, since=since):
            found.setdefault(hash, (name, document, []))[2].append(Client(*client))
        return [SeenOperation(hash.hex(), *of) for hash, of in found.items()]

    async def purge(self, before: datetime, most: int) -> int:
        """How many went of those that nobody sent since then, `most` at the most."""
        return len(await self._database.fetch(PURGE, before=before, most=most))
