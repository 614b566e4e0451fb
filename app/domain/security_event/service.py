"""What the business does with security events: they are told of, and administrators read them."""

from collections.abc import Iterable, Sequence

from app.domain.security_event import rules
from app.domain.security_event.model import (
    KeptEvent,
    SecurityEvent,
    SecurityEventFilter,
    SecurityEventPageRequest,
)
from app.domain.security_event.ports import KeptEvents, SecurityEventPage, SecurityEvents
from app.kernel.actor import Actor, Reach
from app.kernel.clock import Clock
from app.kernel.errors import DomainError
from app.kernel.ids import SecurityEventId


class SecurityEventService:
    """`address` is the caller's."""

    def __init__(
        self, actor: Actor, kept: KeptEvents, events: SecurityEvents, request_id: str, address: str, now: Clock
    ) -> None:
        self._actor, self._kept, self._events = actor, kept, events
        self._request_id, self._address, self._now = request_id, address, now

    def denied(self, error: DomainError) -> None:
        """Every edge tells what it translates: an event, where the error says that a permission was refused."""
        if error.denied is not None:
            self._events.record(
                SecurityEvent(
                    "PERMISSION_DENIED",
                    self._actor.user_id,
                    error.denied,
                    self._address,
                    self._request_id,
                    self._now(),
                    {"code": error.code},
                )
            )

    def denied_among(self, outcomes: Iterable[object]) -> None:
        """`denied`, once for each permission and code, however many the items: they are all of one request."""
        refused = [outcome for outcome in outcomes if isinstance(outcome, DomainError)]
        for error in {(error.denied, error.code): error for error in refused}.values():
            self.denied(error)

    async def get_many(self, ids: Sequence[SecurityEventId]) -> list[KeptEvent | None]:
        """One per id, in order, None where missing or invisible."""
        self._actor.known()
        found = await self._kept.fetch_by_ids(ids) if self._may_read() else {}
        return [found.get(id) for id in ids]

    async def page(self, request: SecurityEventPageRequest) -> SecurityEventPage:
        """Newest first. Raises Forbidden."""
        self._actor.known()
        if not self._may_read():
            raise self._actor.refusal(rules.READ, "Only administrators may read security events.")
        return await self._kept.fetch_page(request)

    async def count_many(self, filters: Sequence[SecurityEventFilter]) -> list[int]:
        """One count per filter, in order. Filters come with pages, which are refused to others."""
        return [await self._kept.fetch_count(filter) for filter in filters]

    def _may_read(self) -> bool:
        return self._actor.reach(rules.READ) is Reach.ANY
