"""Events go to a stream of Redis, under CloudEvents' own names; it must not know where they come from (R46)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError
from redis.typing import EncodableT, FieldT

from app.adapters.redis_away import AWAY
from app.domain.outbox.model import Event
from app.kernel.errors import Unavailable

SOURCE = "/feature-api"  # with the id it is unique (CloudEvents 1.0.2 §3.1)
PATIENCE = 5.0  # seconds for a batch; whoever reads holds a transaction open meanwhile


@dataclass(frozen=True, slots=True)
class Reader:
    """A group of consumers. `behind`: events that it has not been given; None where that cannot be known any more."""

    name: str
    behind: int | None
    unacknowledged: int


class EventStream:
    """`most` is about how many events the stream keeps: Redis drops the oldest beyond it, whoever has read them."""

    def __init__(self, redis: Redis, name: str, most: int) -> None:
        self._redis, self._name, self._most = redis, name, most

    async def fetch_readers(self) -> tuple[int, list[Reader]]:
        """How many events the stream holds, and the groups that read it. Raises Unavailable."""
        try:
            if not await self._redis.exists(self._name):
                return 0, []
            found: list[Any] = await self._redis.xinfo_groups(self._name)
            groups = [Reader(str(group["name"], "utf-8"), group["lag"], group["pending"]) for group in found]
            return int(await self._redis.xlen(self._name)), groups
        except AWAY as error:
            raise _unavailable(error) from error

    async def check(self) -> None:
        try:
            await self._redis.ping()
        except AWAY as error:
            raise _unavailable(error) from error

    async def publish(self, events: Sequence[Event]) -> None:
        """All or none, in this order: one that Redis refuses alone (it is full, say) would be told after a later one.
        Raises Unavailable; then it may be that all are there nevertheless."""
        try:
            async with asyncio.timeout(PATIENCE), self._redis.pipeline(transaction=True) as pipe:
                for event in events:
                    pipe.xadd(self._name, fields(event), maxlen=self._most, approximate=True)
                await pipe.execute()
        except AWAY as error:
            raise _unavailable(error) from error


def fields(event: Event) -> dict[FieldT, EncodableT]:
    """An entry of the stream: CloudEvents' attributes, two extensions (`version`, `actorid`), and the data."""
    found: dict[FieldT, EncodableT] = {
        "specversion": "1.0",
        "id": str(event.id),
        "source": SOURCE,
        "type": event.type,
        "subject": str(event.feature_id),
        "time": event.at.isoformat(),
        "version": event.version,
        "datacontenttype": "application/json",
        "data": event.payload.text,
    }
    if event.actor_id is not None:  # an attribute is there or not, and never null (CloudEvents 1.0.2 §2.2)
        found["actorid"] = str(event.actor_id)
    return found


def _unavailable(error: Exception) -> Unavailable:
    """With what Redis answers, which the operator can help, and which says nothing of addresses: WRONGTYPE, OOM."""
    answer = str(error) if isinstance(error, ResponseError) else type(error).__name__
    return Unavailable(f"Redis does not take events: {answer}.")
