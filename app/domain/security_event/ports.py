"""What tells of security events needs of those who keep them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from app.domain.security_event.model import KeptEvent, SecurityEvent, SecurityEventFilter, SecurityEventPageRequest
from app.kernel.ids import SecurityEventId
from app.kernel.page import Page

type SecurityEventPage = Page[KeptEvent, SecurityEventFilter]

# Logged and counted, not kept: for what a write appended in its own transaction, once that is committed.
type Announce = Callable[[SecurityEvent], None]


class SecurityEvents(Protocol):
    def record(self, event: SecurityEvent) -> None:
        """Logged and counted at once, kept soon after; never fails, never waits. What must be kept with a write is
        appended in the write's own transaction instead."""
        ...


class KeptEvents(Protocol):
    """Where events are read, written in batches, and forgotten."""

    async def fetch_by_ids(self, ids: Sequence[SecurityEventId]) -> Mapping[SecurityEventId, KeptEvent]: ...

    async def fetch_page(self, request: SecurityEventPageRequest) -> SecurityEventPage: ...

    async def fetch_count(self, filter: SecurityEventFilter) -> int: ...

    async def append(self, events: Sequence[KeptEvent]) -> None:
        """All of them, or none; one that is there already is left alone, so a batch may be sent again."""
        ...

    async def forget(self, days: int, most: int) -> int:
        """The oldest of those that are older; how many went."""
        ...
