"""Security events are logged and counted at once, and wait, in bounded number, for whoever writes them (R23, R63)."""

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import structlog

from app.domain.security_event.model import KeptEvent, SecurityEvent
from app.domain.security_event.rules import Flood, kept
from app.kernel.clock import NewId
from app.kernel.errors import BadUserInput, Unavailable
from app.kernel.ids import SecurityEventId, parse_global_id
from app.telemetry.logs import hashed
from app.telemetry.metrics import SecurityMetrics

log = structlog.get_logger("security")

WAITING = 10_000  # events; each is about a kilobyte
BATCH = 500  # events in one statement
UUID_TEXT = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

type Append = Callable[[Sequence[KeptEvent]], Awaitable[None]]


class RecordedEvents:
    """The port `SecurityEvents`; `append` writes all that it is given, or none."""

    def __init__(self, append: Append, metrics: SecurityMetrics, new_id: NewId, size: int = WAITING) -> None:
        self._append, self._metrics, self._new_id, self._size = append, metrics, new_id, size
        self._flood = Flood()
        self._waiting: deque[KeptEvent] = deque()
        self._writing = asyncio.Lock()
        self.arrived = asyncio.Event()

    def record(self, event: SecurityEvent) -> None:
        self._metrics.told(event.kind)
        if not self._flood.passes(event):
            self._metrics.not_kept("repeated")
            return
        log_event(event)
        if len(self._waiting) >= self._size:
            self._metrics.not_kept("full")
            return
        self._waiting.append(kept(SecurityEventId(self._new_id()), event))
        self.arrived.set()

    def announce(self, event: SecurityEvent) -> None:
        self._metrics.told(event.kind)
        log_event(event)

    async def flush(self) -> None:
        """Writes all that waits. Raises Unavailable; then what was not written waits on."""
        async with self._writing:
            self.arrived.clear()
            while self._waiting:
                batch = [self._waiting[number] for number in range(min(BATCH, len(self._waiting)))]
                await self._write(batch)
                for _ in batch:
                    self._waiting.popleft()
                self.count()

    def count(self) -> None:
        self._metrics.waiting(len(self._waiting))

    def give_up(self) -> None:
        """What waits is lost, and that is told."""
        if self._waiting:
            log.error("security events are lost", events=len(self._waiting))
            self._metrics.not_kept("lost", len(self._waiting))
            self._waiting.clear()

    async def _write(self, batch: Sequence[KeptEvent]) -> None:
        """One that the database refuses must not keep back the others."""
        try:
            await self._append(batch)
        except Unavailable:
            raise
        except Exception:  # whatever the database has against it: an event that is no row must not stop the rest
            if len(batch) > 1:
                for event in batch:
                    await self._write([event])
                return
            log.exception("a security event is refused by the database", kind=batch[0].kind)
            self._metrics.not_kept("refused")


def log_event(event: SecurityEvent) -> None:
    """As a warning, so that it is there unless only errors are logged. At the command line, an `Announce` by itself."""
    request = {} if event.request_id is None else {"request_id": event.request_id}
    log.warning(
        "security event",
        kind=event.kind,
        user=None if event.actor_id is None else hashed(event.actor_id),
        subject=_named(event.subject),
        address=event.address,
        facts={name: _named(fact) for name, fact in event.facts.items()},
        **request,
    )


def _named(subject: str | None) -> str | None:
    """Ids are hashed as users' are everywhere in the log; a permission, or a word, is what it is."""
    if subject is None:
        return None
    try:
        noun, key = parse_global_id(subject, ())
    except BadUserInput:
        return hashed(UUID(subject)) if UUID_TEXT.fullmatch(subject) else subject
    return f"{noun}:{hashed(key)}"
