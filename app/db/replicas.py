"""Replicas of the database: how far each has come, which one may be read, and that nobody waits for one that is away.

Positions are places in the primary's log (LSN), as numbers. Whether a replica is fresh is told by them, not by clocks:
it has all that was committed until the primary was last seen where the replica is now.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from math import inf
from time import monotonic

import structlog
from sqlalchemy import literal_column, select

from app.db.connect import PoolSettings
from app.db.database import Database
from app.db.pool import Pool
from app.db.primaries import SYSTEM, TIMELINE
from app.db.row_security import RowSecurity
from app.db.statement import Statement
from app.db.watch import Row, Watch

log = structlog.get_logger()

INTERVAL = 0.2  # seconds between two looks at a server
PATIENCE = 1.0  # seconds to reach a replica, to wait for a connection to it, and for the answer to a look
CEILING = 1 << 34  # bytes: what is so far beyond the primary is no position of its

# Of what is in the log, flushed or not: where synchronous_commit is off, a commit does not wait for that.
WRITTEN = Statement("replicas.written", select(literal_column("(pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint")))
OF_PRIMARY = f"SELECT (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint, {SYSTEM}, {TIMELINE}"
OF_REPLICA = f"""SELECT (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint, {SYSTEM}, pg_is_in_recovery(),
    pg_postmaster_start_time()"""


@dataclass(slots=True, eq=False)
class Replica:
    """`fresh`: it has all that was committed until then. `name` says nothing of where it is."""

    name: str
    settings: PoolSettings
    walls: RowSecurity
    replayed: int = 0
    fresh: float = -inf
    answers: bool = False
    seen: float = -inf  # when it answered last
    began: datetime | None = None  # its server, by its own clock
    astray: datetime | None = None  # the beginning of a server that has what the primary has not
    until: float = -inf  # when it may be read again
    reads: int = 0

    def pools(self) -> list[Pool]:
        return list(self.walls.pools().values())


class Replicas:
    """`walls`: the primary's; replicas have their like. `max_lag`: seconds that one may be behind and still be read."""

    def __init__(
        self,
        walls: RowSecurity,
        settings: Sequence[PoolSettings],
        max_lag: float,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self.walls, self.primary, self.primary_reads = walls, walls.database_of(None), 0
        self._max_lag, self._now = max_lag, now
        self.all = [self._made(f"replica_{number}", each) for number, each in enumerate(settings, 1)]
        self._began, self._turn = now(), 0
        self._system: int | None = None  # which cluster the primary is of
        self._timeline: int | None = None  # and on which timeline
        self._seen: deque[tuple[float, int]] = deque()  # when the primary was asked, and where it was

    def one_at(self, position: int) -> Replica | None:
        """One that may be read and has come so far: of the least busy ones each in its turn."""
        able = [each for each in self.all if each.replayed >= position and self.is_usable(each)]
        if not able:
            return None
        self._turn += 1
        first = self._turn % len(able)
        return min(able[first:] + able[:first], key=_busy)

    def is_usable(self, replica: Replica) -> bool:
        """It answers, is not too far behind, and is not left alone for a while."""
        fresh = self._now() - replica.fresh <= self._max_lag
        return replica.answers and fresh and not _fails(replica)

    def are_usable(self) -> bool:
        return all(map(self.is_usable, self.all))

    def is_plausible(self, position: int) -> bool:
        """Might the primary have come so far?"""
        return not self._seen or position <= self._seen[-1][1] + CEILING

    def lag(self, replica: Replica) -> tuple[float, int]:
        """Seconds and bytes that it is behind what is known of the primary; of one that is away they grow."""
        behind = max(0, self._seen[-1][1] - replica.replayed) if self._seen else 0
        if replica.answers and self._seen and not behind:
            return 0.0, 0
        return self._now() - max(replica.fresh, self._began), behind

    async def fetch_position(self) -> int:
        """Whoever reads there sees all that has been committed by now. Raises Unavailable."""
        return int((await self.primary.fetch(WRITTEN))[0][0])

    async def run(self) -> None:
        """Watches them all until it is cancelled."""
        async with asyncio.TaskGroup() as watches:
            primaries = self.primary.pool.primaries
            watch = Watch(self.primary.pool.settings, OF_PRIMARY, PATIENCE, primaries.check)
            primaries.on_newer.append(watch.close)
            watches.create_task(self._keep(watch, self._see_primary))
            for each in self.all:
                settings = replace(each.settings, connect_timeout=self.primary.pool.settings.connect_timeout)
                watch = Watch(settings, OF_REPLICA, PATIENCE)
                watches.create_task(self._keep(watch, partial(self._see_replica, each)))

    async def close(self) -> None:
        await asyncio.gather(*(pool.close() for each in self.all for pool in each.pools()))

    async def _keep(self, watch: Watch, see: Callable[[float, Row], None]) -> None:
        try:
            while True:
                asked = self._now()
                see(asked, await watch.ask())
                await asyncio.sleep(INTERVAL)
        finally:
            watch.close()

    def _see_primary(self, asked: float, row: Row) -> None:
        if row is None:  # what was seen grows old, and with it the replicas
            return
        position, system, timeline = row
        another = (system, timeline) != (self._system, self._timeline)
        if another or (self._seen and position < self._seen[-1][1]):
            self._seen.clear()
        self._system, self._timeline = system, timeline
        for each in self.all:
            if another:
                each.astray = None
            if each.seen < asked and each.replayed > position:  # it follows somebody else, and may go on to be ahead
                each.astray = each.began
        if self._seen and self._seen[-1][1] == position:
            self._seen.pop()
        self._seen.append((asked, position))
        while self._seen[0][0] < asked - self._max_lag - PATIENCE:
            self._seen.popleft()

    def _see_replica(self, replica: Replica, asked: float, row: Row) -> None:
        if row is None or not row[2] or (self._system is not None and row[1] != self._system):
            self._take_out(replica, "does not answer" if row is None else "is no replica of this primary")
            return
        replica.seen, replica.began = self._now(), row[3]
        if replica.astray is not None and replica.astray == replica.began:
            replica.replayed = row[0]
            self._take_out(replica, "has what the primary has not: restart it once it follows the primary")
            return
        replica.astray = None
        if _fails(replica):  # what it answers here it does not answer there
            self._take_out(replica, "fails")
            replica.until = asked + replica.settings.breaker_pause
        if asked < replica.until:
            return
        position: int = row[0]
        if position < replica.replayed:  # it began anew
            replica.fresh = -inf
        replica.replayed = position
        replica.fresh = max(replica.fresh, next((at for at, was in reversed(self._seen) if was <= position), -inf))
        if not replica.answers:
            log.info("replica is read", server=replica.name)
        replica.answers = True

    def _take_out(self, replica: Replica, why: str) -> None:
        """Those who wait for it are told at once, and go elsewhere."""
        if not replica.answers:
            return
        log.warning("replica is not read", server=replica.name, reason=why)
        replica.answers = False
        replica.walls.abandon()
        replica.walls = self._walls_at(replica.settings)

    def _made(self, name: str, settings: PoolSettings) -> Replica:
        hasty = replace(
            settings,
            connect_timeout=min(settings.connect_timeout, PATIENCE),
            acquire_timeout=min(settings.acquire_timeout, PATIENCE),
        )
        return Replica(name, hasty, self._walls_at(hasty))

    def _walls_at(self, settings: PoolSettings) -> RowSecurity:
        return RowSecurity(Database(settings, self.primary.observe), settings if self.walls.on else None)


def _busy(replica: Replica) -> int:
    return sum(pool.lent + pool.waiting for pool in replica.pools())


def _fails(replica: Replica) -> bool:
    return any(pool.breaker.is_open for pool in replica.pools())
