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

from app.db import jsonb
from app.db.failure import AWAY, NO_ENTRY, unavailable
from app.db.hosts import Connection, Hosts
from app.kernel.breaker import Breaker
from app.kernel.errors import Unavailable

log = structlog.get_logger()

CLOSE = 2.0  # seconds to part in peace

type Prepared = asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Times in seconds."""

    url: str = field(repr=False)
    role: str = "feature_api_app"  # "": as the URL's user (PgBouncer refuses the parameter)
    size: int = 16
    connect_timeout: float = 5.0
    acquire_timeout: float = 5.0
    statement_timeout: float = 10.0
    prepare: bool = True  # False behind PgBouncer in transaction mode
    breaker_pause: float = 2.0


@dataclass(slots=True, eq=False)
class Held:
    """A connection and the statements prepared on it, by their texts."""

    connection: Connection
    prepared: dict[str, Prepared] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)  # of the statements, so that no name comes twice


class Pool:
    def __init__(self, settings: PoolSettings) -> None:
        self.settings = settings
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
        self._drop_free()
        for held in self._lent:
            held.connection.terminate()
        while self._wake(None):
            continue

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
            held = Held(await connect(self._hosts, self.settings))
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


async def connect(hosts: Hosts, settings: PoolSettings) -> Connection:
    connection = await hosts.connect(
        settings.connect_timeout,
        command_timeout=settings.statement_timeout + 1,  # the server's own limit comes first; this one is for silence
        statement_cache_size=0,
        server_settings=_session(settings),
    )
    try:
        await jsonb.as_text(connection)
    except BaseException:  # cancelled, too: nobody else knows of it yet
        connection.terminate()
        raise
    return connection


def _session(settings: PoolSettings) -> dict[str, str]:
    milliseconds = str(int(settings.statement_timeout * 1000))
    session = {
        "application_name": "feature-api",
        "timezone": "UTC",
        "statement_timeout": milliseconds,
        "lock_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
    }
    return {**session, "role": settings.role} if settings.role else session
