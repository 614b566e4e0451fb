"""Statements on the answers that are kept for Idempotency-Keys, each in the transaction of what it answers (R9)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, bindparam, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import TIMESTAMP, insert

from app.db.database import Database
from app.db.joined import JoinedDatabase, joined
from app.db.statement import Statement
from app.db.tables import idempotency_keys
from app.domain.idempotency.model import KeptAnswer, KeyedRequest
from app.kernel.clock import Clock
from app.kernel.key_errors import KeyInProgress, KeyReused

k = idempotency_keys.c
INSTANT = TIMESTAMP(timezone=True)
# Released by the end of the transaction, whatever ends it. A second one does not wait: it is told so.
LOCK = Statement("idempotency.lock", select(func.pg_try_advisory_xact_lock(bindparam("number", type_=BigInteger))))
KEPT = Statement(
    "idempotency.kept",
    select(k.fingerprint, k.status, k.headers, k.body).where(
        k.actor_id == bindparam("of_actor"),
        k.key_hash == bindparam("of_key"),
        k.expires_at > bindparam("now", type_=INSTANT),
    ),
)


def _keep() -> Statement:
    new = {column.name: bindparam(f"new_{column.name}", type_=column.type) for column in k}
    added = insert(idempotency_keys).values(new)
    changed = {name: added.excluded[name] for name in new if name not in ("actor_id", "key_hash")}
    # What is there already has run out, and was not purged yet: the lock is ours.
    return Statement(
        "idempotency.keep", added.on_conflict_do_update(index_elements=[k.actor_id, k.key_hash], set_=changed)
    )


KEEP = _keep()
PURGE = Statement(
    "idempotency.purge",
    delete(idempotency_keys)
    .where(
        tuple_(k.actor_id, k.key_hash).in_(
            select(k.actor_id, k.key_hash)
            .where(k.expires_at <= bindparam("before", type_=INSTANT))
            .limit(bindparam("most", type_=BigInteger))
        )
    )
    .returning(k.expires_at),
)


class Attempt:
    """A keyed request. With a `kept` answer it was done before; else its writes go through `database`, and `keep` is
    the end of it."""

    def __init__(self, request: KeyedRequest, database: JoinedDatabase, now: datetime, keep_for: timedelta) -> None:
        self._request, self._now, self._keep_for = request, now, keep_for
        self.database = database
        self.kept: KeptAnswer | None = None

    async def start(self) -> None:
        """The lock first: who gets it sees all that was committed under it before."""
        request = self._request
        number = int.from_bytes(request.key_hash[:8], signed=True)
        [[ours]] = await self.database.fetch(LOCK, number=number)
        rows = await self.database.fetch(KEPT, of_actor=request.actor_id, of_key=request.key_hash, now=self._now)
        if rows:
            fingerprint, status, headers, body = rows[0]
            if fingerprint != request.fingerprint:
                raise KeyReused
            self.kept = KeptAnswer(status, headers.parse_object(), body)
        elif not ours:
            raise KeyInProgress

    async def keep(self, answer: KeptAnswer) -> None:
        """Commits what was written and the answer, both or neither. Raises Unavailable."""
        request = self._request
        self.database.check_open()  # else the answer would be kept without what it tells of
        await self.database.fetch(
            KEEP,
            new_actor_id=request.actor_id,
            new_key_hash=request.key_hash,
            new_fingerprint=request.fingerprint,
            new_created_at=self._now,
            new_expires_at=self._now + self._keep_for,
            new_status=answer.status,
            new_headers=dict(answer.headers),
            new_body=answer.body,
        )
        await self.database.commit()


class SqlKeptAnswers:
    def __init__(self, database: Database, now: Clock, keep_for: timedelta) -> None:
        self._database, self._now, self._keep_for = database, now, keep_for

    @asynccontextmanager
    async def attempt(self, request: KeyedRequest) -> AsyncIterator[Attempt]:
        """What is not kept when the block ends is undone. Raises KeyReused, KeyInProgress, Unavailable."""
        async with joined(self._database) as database:
            attempt = Attempt(request, database, self._now(), self._keep_for)
            await attempt.start()
            yield attempt

    async def purge(self, before: datetime, most: int) -> int:
        """How many went of those that had run out by then, `most` at the most."""
        return len(await self._database.fetch(PURGE, before=before, most=most))
