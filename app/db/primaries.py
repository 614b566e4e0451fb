"""Of several servers that take writes, which one is the primary: the one on the latest timeline.

A promotion begins a timeline. A primary that was replaced and comes back as though nothing had happened stays on its
own; that it takes writes (`target_session_attrs`) does not tell the two apart. What is written there is lost.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg
import structlog

from app.db.connect import PoolSettings
from app.db.failure import AWAY
from app.db.hosts import Connection, each_host
from app.db.watch import Row, Watch

log = structlog.get_logger()

INTERVAL = 1.0  # seconds between two looks at a server
ANEW = 5.0  # seconds between two looks at where an address of one server leads
PATIENCE = 1.0  # seconds that it has to answer

SYSTEM = "(SELECT system_identifier FROM pg_control_system())"
# An error on a replica. pg_control_checkpoint() tells it only after the promotion's checkpoint, which takes minutes.
TIMELINE = "('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int"
WHICH = f"SELECT {SYSTEM}, CASE WHEN NOT pg_is_in_recovery() THEN {TIMELINE} END"


class ReplacedError(ConnectionError):
    """It takes writes, and is not the primary any more."""


class Primaries:
    """What one process has seen of the servers of an address; all its connections to the primary are checked here."""

    def __init__(self, settings: PoolSettings) -> None:
        self.on_newer: list[Callable[[], None]] = []  # told that there is a later primary than that of all connections
        self._settings = settings
        self._latest: tuple[int, int] | None = None  # cluster and timeline
        self._each = [replace(settings, url=url) for url in _each_alone(settings.url)]
        self._writing: set[int] = set()  # those of them that take writes, when they were last looked at
        self._looked: asyncio.Future[None] | None = None

    @property
    def are_watched(self) -> bool:
        """With one server in the address there is nothing to compare it with, but what was seen there before."""
        return len(self._each) > 1

    @property
    def count(self) -> int:
        """Servers of the address that take writes: one; two are a split brain."""
        return len(self._writing)

    async def look(self) -> None:
        """Once, before the first connection: asks all servers which timeline they are on, each for its time at most."""
        if self.are_watched and self._looked is None:
            self._looked = asyncio.ensure_future(self._look())
        if self._looked is not None:
            await asyncio.shield(self._looked)

    async def check(self, connection: Connection) -> None:
        """Raises ReplacedError where a later primary is known. One that cannot tell (the functions were revoked, or are
        none of its) is taken as it is."""
        try:
            row = await connection.fetchrow(WHICH)
        except AWAY:
            raise
        except asyncpg.PostgresError:
            return
        if row is not None and row[1] is not None and not self._is_current(row[0], row[1]):
            log.warning("a primary that was replaced takes writes: it is not used", timeline=row[1])
            raise ReplacedError("It was replaced: there is a primary on a later timeline.")

    async def run(self) -> None:
        """Looks again and again until it is cancelled: who has connections enough makes none, and would not notice."""
        async with asyncio.TaskGroup() as watches:
            if not self.are_watched:
                watches.create_task(self._follow())
                return
            for number, settings in enumerate(self._each):
                watches.create_task(self._keep(number, Watch(settings, WHICH, PATIENCE)))

    async def _look(self) -> None:
        watches = [Watch(settings, WHICH, PATIENCE) for settings in self._each]
        try:
            for number, row in enumerate(await asyncio.gather(*(watch.ask() for watch in watches))):
                self._see(number, row)
        finally:
            for watch in watches:
                watch.close()

    async def _follow(self) -> None:
        """A name or a balancer may lead elsewhere by now: only a new connection tells."""
        watch = Watch(self._settings, WHICH, PATIENCE, self.check)
        while True:
            await asyncio.sleep(ANEW)
            await watch.ask()
            watch.close()

    async def _keep(self, number: int, watch: Watch) -> None:
        try:
            while True:
                self._see(number, await watch.ask())
                await asyncio.sleep(INTERVAL)
        finally:
            watch.close()

    def _see(self, number: int, row: Row) -> None:
        if row is None or row[1] is None:
            self._writing.discard(number)
            return
        self._writing.add(number)
        if self._latest is None or row[0] == self._latest[0]:  # which cluster is ours, connections tell
            self._is_current(*row)

    def _is_current(self, cluster: int, timeline: int) -> bool:
        """Of another cluster (a copy that was restored, or the one after an upgrade) it is where the address leads."""
        seen = cluster, timeline
        if self._latest is not None and cluster == self._latest[0] and timeline < self._latest[1]:
            return False
        if self._latest is not None and seen != self._latest:
            log.warning("another primary is used", timeline=timeline)
            for told in self.on_newer:
                told()
        self._latest = seen
        return True


def _each_alone(url: str) -> list[str]:
    """Whatever they are. Where no primary is asked for, none."""
    parts = urlsplit(url)
    query: dict[str, Any] = dict(parse_qsl(parts.query))
    if query.pop("target_session_attrs", "any") not in ("primary", "read-write"):
        return []
    return each_host(parts._replace(query=urlencode(query)).geturl())
