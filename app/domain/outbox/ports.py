"""What the relay needs: where events wait, and where they go."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from app.domain.outbox.model import Event, Waiting

type Publish = Callable[[Sequence[Event]], Awaitable[None]]  # all of them in this order, or it raises Unavailable


class Stream(Protocol):
    async def check(self) -> None:
        """Raises Unavailable where it does not answer."""

    async def publish(self, events: Sequence[Event]) -> None:
        """See `Publish`."""


class Outbox(Protocol):
    async def fetch_waiting(self, most: int) -> Waiting:
        """Counts up to `most`."""

    async def relay(self, publish: Publish, most: int) -> int | None:
        """Publishes the next events, `most` at the most, and forgets them once that is done: how many. None where
        another process is at it. Raises whatever `publish` raises; then all of them wait on."""
