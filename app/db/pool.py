"""Connections to PostgreSQL: lent for a moment, bounded in number, replaced when they break.

asyncpg's own pool asks the server to reset the session on every release, and looks each statement up by its text.
Nothing here changes a session, so nothing is reset, and a statement is found by its identity.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from time import monotonic

import asyncpg
import structlog

from app.db.connect import PoolSettings, connect
from app.db.failure import AWAY, NO_ENTRY, unavailable
from app.db.hosts import Connection, Hosts
from app.db.primaries import Primaries
from app.kernel.breaker import Breaker
from app.kernel.errors import Unavailable

log = structlog.get_logger()

CLOSE = 2.0  # seconds to part in peace

type Prepared = asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]


@dataclass(slots=True, eq=False)
class Held:
    """A connection and the statements prepared on it, by their texts."""

    connection: Connection
    prepared: dict[str, Prepared] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)  # of the statements, so that no name comes twice


class Pool:
    """`primaries`: what other pools of the process have seen at the same address."""

    def __init__(self, settings: PoolSettings, primaries: Primaries | None = None) -> None:
        self.settings = settings
        self.primaries = primaries or Primaries(settings)
        self.primaries.on_newer.append(self.cut)
        self.breaker = Breaker("The database", monotonic, settings.breaker_pause)
        self._hosts = Hosts(settings.url)
        self._free: list[Held] = []
        self._lent: set[Held] = set()
        self._opening = 0
        self._closing: set[asyncio.Task[None]] = set()
        self._waiting: deque[asyncio.Future[Held | None]] = deque()
        self._closed = False
        self.announced: Callable[[], None] = lambda: None  # what hears of a commit that leaves an event in the outbox

    @property
    def lent(self) -> int:
        return len(self._lent)

    @property
    def open(self) -> int:
        return len(self._lent) + len(self._free)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def take(self) -> Held:
        """Raises Unavailable where none can be had in time, and at once while the database is known to be away."""
        if self._closed:
            raise Unavailable("The server is shutting down.")
        self.breaker.admit()
        while self._free:
            held = self._free.pop()
            if not held.connection.is_closed():
                self._lent.add(held)
                return held
        if self.open + self._opening + len(self._closing) < self.settings.size:
            self._opening += 1
        elif (handed := await self._turn()) is not None:
            return handed
        elif self.breaker.is_open:  # by now: who waited behind those who found out need not find out again
            self._pass_on(None)
            raise self.breaker.refusal()
        return await self._open()

    def give(self, held: Held) -> None:
        """Takes a connection back on which the server has answered."""
        self._lent.discard(held)
        if self._closed or held.connection.is_closed():
            held.connection.terminate()
            self._wake(None)
            return
        self.breaker.succeeded()
        if self._wake(held):
            self._lent.add(held)
        else:
            self._free.append(held)

    async def drop(self, held: Held) -> None:
        """Takes a broken connection back, or one on which something is under way: when this returns, that is done or
        will never be. Its room stays taken until then."""
        self._lent.discard(held)
        closing = asyncio.ensure_future(_close(held))
        self._closing.add(closing)
        closing.add_done_callback(self._room)
        await asyncio.shield(closing)

    def failure(self, error: Exception) -> Unavailable:
        """What a caller is told of it. Silence counts against the database, a connection that ended does not: the next
        one shows what it means."""
        if isinstance(error, TimeoutError):
            self._count()
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):  # it became a replica, for all connections to it
            self._drop_free()
        return unavailable(error)

    def abandon(self) -> None:
        """Ends every connection at once, and whoever waits for one or for an answer is told so."""
        self._closed = True
        self.cut()
        while self._wake(None):
            continue

    def cut(self) -> None:
        """Ends every connection at once: whoever waits for an answer is told so, and new ones are made."""
        self._drop_free()
        for held in self._lent:
            held.connection.terminate()

    def _count(self) -> None:
        self.breaker.failed()
        if self.breaker.is_open:  # what is free is as dead, and who took it would wait to find out
            self._drop_free()

    def _drop_free(self) -> None:
        free, self._free = self._free, []
        for held in free:
            held.connection.terminate()

    async def close(self) -> None:
        """Closes what is free; what is lent is closed when it comes back."""
        self._closed = True
        free, self._free = self._free, []
        await asyncio.gather(*map(_close, free), *self._closing)
        while self._wake(None):
            continue

    def _room(self, closed: asyncio.Task[None]) -> None:
        self._closing.discard(closed)
        self._wake(None)

    async def _open(self) -> Held:
        """In room that `_opening` counts already."""
        held: Held | None = None
        try:
            if self._closed:
                raise Unavailable("The server is shutting down.")
            await self.primaries.look()
            held = Held(await connect(self._hosts, self.settings, self.primaries.check))
        except NO_ENTRY as error:
            log.warning("no connection to the database", error=type(error).__name__, reason=str(error))
            self._count()
            raise unavailable(error) from error
        finally:
            self._opening -= 1
            if held is None:
                self._wake(None)
        self._lent.add(held)
        self.breaker.succeeded()
        return held

    async def _turn(self) -> Held | None:
        """A connection that was handed over, or None: room to open one is ours, and `_opening` counts it."""
        turn: asyncio.Future[Held | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self.settings.acquire_timeout):
                return await turn
        except (TimeoutError, asyncio.CancelledError) as error:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif turn.done() and not turn.cancelled():  # our turn came as we gave up
                self._pass_on(turn.result())
            if isinstance(error, TimeoutError):
                raise Unavailable("All connections to the database are busy: try again.") from None
            raise

    def _pass_on(self, held: Held | None) -> None:
        if held is None:
            self._opening -= 1
            self._wake(None)
        else:
            self.give(held)

    def _wake(self, held: Held | None) -> bool:
        """Hands it, or else room for one, to whoever has waited longest; False where nobody waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                if held is None:
                    self._opening += 1  # or whoever comes before the waiter runs would take the room
                turn.set_result(held)
                return True
        return False


async def _close(held: Held) -> None:
    """A statement that was given up is cancelled first: asyncpg asks the server for it as soon as the caller is gone,
    and closing waits for the answer."""
    try:
        await held.connection.close(timeout=CLOSE)
    except AWAY:
        held.connection.terminate()
