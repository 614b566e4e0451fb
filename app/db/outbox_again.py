"""Puts events into the outbox that were published before, as the trail has them: for a Redis that lost its stream."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Uuid, bindparam, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import TIMESTAMP, insert

from app.db.database import Database
from app.db.statement import Statement
from app.db.tables import audit_entries, outbox
from app.domain.feature.events import CHANGED

FIRST = UUID(int=0)
BATCH = 1_000  # events in one statement
e = audit_entries.c


def _again() -> Statement:
    """In the order of times, in which no version of a feature comes before an earlier one. What still waits is left as
    it is."""
    after = tuple_(bindparam("after_time", type_=TIMESTAMP(timezone=True)), bindparam("after_id", type_=Uuid))
    payload = func.jsonb_build_object(
        *("action", e.action, "featureId", e.feature_id, "ownerId", e.owner_id, "actorId", e.actor_id),
        *("version", e.version, "requestId", e.metadata["requestId"].astext, "newValues", e.new_values),
    )
    picked = (
        select(e.id, e.feature_id, e.created_at, payload.label("payload"))
        .where(tuple_(e.created_at, e.id) > after)
        .order_by(e.created_at, e.id)
        .limit(bindparam("most", type_=BigInteger))
        .cte("picked")
    )
    p = picked.c
    rows = select(p.id, literal(CHANGED), p.feature_id, p.payload, p.created_at).order_by(p.created_at, p.id)
    added = (
        insert(outbox)
        .from_select(["event_id", "type", "feature_id", "payload", "created_at"], rows)
        .on_conflict_do_nothing(index_elements=[outbox.c.event_id])
        .returning(outbox.c.id)
        .cte("added")
    )
    found = select(func.count()).select_from(picked).scalar_subquery()
    put = select(func.count()).select_from(added).scalar_subquery()
    return Statement(
        "outbox.again",
        select(found, put, p.created_at, p.id).order_by(p.created_at.desc(), p.id.desc()).limit(1),
    )


AGAIN = _again()


async def tell_again(database: Database, since: datetime, batch: int = BATCH) -> int:
    """Events of all changes since then, a batch at a time: how many were put into the outbox."""
    after, total, found = (since, FIRST), 0, batch
    while found == batch:
        rows = await database.fetch(AGAIN, after_time=after[0], after_id=after[1], most=batch)
        if not rows:
            break
        found, added, *last = rows[0]
        after, total = (last[0], last[1]), total + added
    return total
