"""What each user wrote last, for those who do not say so: in Redis for all processes, and in the memory of this one.

While Redis does not answer nobody knows what was written elsewhere, so a user reads from the primary.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from time import monotonic
from uuid import UUID

import structlog
from redis.asyncio import Redis

from app.adapters.redis_away import AWAY
from app.kernel.errors import Unavailable
from app.kernel.position import EVERYTHING, Since

log = structlog.get_logger()

KEY = "feature-api:position:"
MEMBER = "written"
MARGIN = 5.0  # seconds that are kept beyond what is needed
PATIENCE = 0.25  # seconds that Redis may take
PAUSE = 5.0  # seconds in which it is not asked after it failed
TO_FETCH = 1.0  # seconds that a writer waits for the position, at most
CAPACITY = 10_000  # users in memory


class Positions:
    """`fetch`: the primary's, of this moment. `keep`: seconds that a replica which is read may be behind."""

    def __init__(
        self, redis: Redis, fetch: Callable[[], Awaitable[int]], keep: float, now: Callable[[], float] = monotonic
    ) -> None:
        self.keep = keep + MARGIN
        self._redis, self._fetch, self._now = redis, fetch, now
        self._written: OrderedDict[UUID, tuple[int, float]] = OrderedDict()  # the position, and until when
        self._floor, self._floor_until = 0, 0.0  # of those who were too many to remember
        self._again = 0.0  # when Redis may be asked

    async def mark(self, user_id: UUID | None) -> int | None:
        """The position after what was just written, remembered for the user; None where nobody can tell: then the user
        reads from the primary for a while."""
        try:
            async with asyncio.timeout(TO_FETCH):
                position = await self._fetch()
        except (Unavailable, TimeoutError):
            await self.lose(user_id)
            return None
        await self._note(user_id, position)
        return position

    async def lose(self, user_id: UUID | None) -> None:
        """They may have written something, and nobody knows."""
        await self._note(user_id, EVERYTHING)

    async def wanted(self, user_id: UUID | None, since: Since) -> int:
        """The position that the user must see. Of guests nothing is remembered, as they write nothing."""
        if user_id is None:
            return since.position
        position = max(since.position, self._remembered(user_id))
        if since.told or position == EVERYTHING:
            return position
        return max(position, await self._shared(user_id))

    def _remembered(self, user_id: UUID) -> int:
        now = self._now()
        position, until = self._written.get(user_id, (0, now))
        return max(position if now < until else 0, self._floor if now < self._floor_until else 0)

    async def _note(self, user_id: UUID | None, position: int) -> None:
        if user_id is None:
            return
        position = max(position, self._remembered(user_id))
        self._written.pop(user_id, None)
        self._written[user_id] = position, self._now() + self.keep
        self._forget()
        key = f"{KEY}{user_id}"
        if self._now() >= self._again:
            try:
                async with asyncio.timeout(PATIENCE), self._redis.pipeline(transaction=False) as pipe:
                    pipe.zadd(key, {MEMBER: position}, gt=True)  # another process may have noted more
                    pipe.expire(key, int(self.keep) + 1)
                    await pipe.execute()
            except AWAY as error:
                self._pause(error)

    async def _shared(self, user_id: UUID) -> int:
        if self._now() < self._again:
            return EVERYTHING
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._redis.zscore(f"{KEY}{user_id}", MEMBER)
        except AWAY as error:
            self._pause(error)
            return EVERYTHING
        return 0 if found is None else int(found)

    def _pause(self, error: Exception) -> None:
        self._again = self._now() + PAUSE
        log.warning("positions: no redis", error=type(error).__name__)

    def _forget(self) -> None:
        """Whoever wrote first is first; what must be forgotten before its time counts for everybody."""
        now = self._now()
        while self._written:
            user_id, (position, until) = next(iter(self._written.items()))
            if now < until and len(self._written) <= CAPACITY:
                return
            del self._written[user_id]
            if now < until:
                self._floor, self._floor_until = max(self._floor, position), until
