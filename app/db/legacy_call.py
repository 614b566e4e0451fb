"""Statements on who still calls REST v1."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, TIMESTAMP, BigInteger, Date, Integer, Text, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from app.db.database import Database
from app.db.statement import Statement
from app.db.tables import legacy_calls, users
from app.kernel.ids import UserId

c = legacy_calls.c
NAMES = ("user_id", "day", "operation", "calls", "last_at")
GIVEN = func.unnest(
    bindparam("user_id", type_=ARRAY(Uuid)),
    bindparam("day", type_=ARRAY(Date)),
    bindparam("operation", type_=ARRAY(Text)),
    bindparam("calls", type_=ARRAY(BigInteger)),
    bindparam("last_at", type_=ARRAY(TIMESTAMP(timezone=True))),
)
ADDED = insert(legacy_calls).from_select([*NAMES], select(GIVEN.table_valued(*NAMES).render_derived("given")))
NOTE = Statement(
    "legacy_call.note",
    ADDED.on_conflict_do_update(
        index_elements=[c.user_id, c.day, c.operation],
        set_={
            "calls": c.calls + ADDED.excluded.calls,
            "last_at": func.greatest(c.last_at, ADDED.excluded.last_at),
        },
    ),
)
LAST = func.max(c.last_at)
SINCE = bindparam("since", type_=Date)
REPORT = Statement(
    "legacy_call.report",
    select(
        c.user_id,
        users.c.name,
        users.c.email,
        LAST,
        func.sum(c.calls).cast(BigInteger),
        func.array_agg(c.operation.distinct()),
    )
    .select_from(legacy_calls.outerjoin(users, users.c.id == c.user_id))
    .where(c.day >= SINCE)
    .group_by(c.user_id, users.c.name, users.c.email)
    .order_by(LAST.desc(), c.user_id),
)
FORGET = Statement(
    "legacy_call.forget",
    select(func.forget_legacy_calls(bindparam("days", type_=Integer), bindparam("most", type_=Integer))),
)


@dataclass(frozen=True, slots=True)
class LegacyCaller:
    """`name` is None for a user who is gone; `operations` in alphabetical order."""

    user_id: UserId
    name: str | None
    email: str | None
    last_at: datetime
    calls: int
    operations: Sequence[str]


class SqlLegacyCalls:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, calls: Mapping[tuple[UserId, date, str], tuple[int, datetime]]) -> None:
        """By user, day and operation: how many more, and when the last was; all in one statement."""
        if not calls:
            return
        keys, counts = sorted(calls), [calls[key] for key in sorted(calls)]  # in one order: two servers never deadlock
        await self._database.fetch(
            NOTE,
            user_id=list[UUID](key[0] for key in keys),
            day=[key[1] for key in keys],
            operation=[key[2] for key in keys],
            calls=[count for count, _ in counts],
            last_at=[last for _, last in counts],
        )

    async def fetch_callers(self, since: date) -> list[LegacyCaller]:
        """Who called on that day or later, who called last first."""
        return [LegacyCaller(*row) for row in await self._database.fetch(REPORT, since=since)]

    async def forget(self, days: int, most: int) -> int:
        """How many counts older than so many days are gone now."""
        return int((await self._database.fetch(FORGET, days=days, most=most))[0][0])
