"""Documents that clients registered: in Redis for all processes, and the latest in the memory of this one.

Redis is never needed: while it is away, what is in memory is found and the rest is not, and clients send their text
again. It is not trusted either: a text that does not have its hash is as good as none.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Literal

import structlog
from redis.asyncio import Redis

from app.adapters.redis_away import AWAY

log = structlog.get_logger()

LONGEST = 20_000  # characters of one document
CAPACITY = 4_000_000  # characters in memory, all in all
PATIENCE = 1.0  # seconds that a call may take
PAUSE = 5.0  # seconds in which Redis is not asked after it failed
KEY = "feature-api:document:"

type Outcome = Literal["memory", "redis", "missing", "registered", "unavailable"]


class RegisteredDocuments:
    """`ttl` in seconds, from the last use that Redis saw; `record` is told what became of every call."""

    def __init__(
        self,
        redis: Redis,
        ttl: int,
        record: Callable[[Outcome], None],
        now: Callable[[], float] = time.monotonic,
        capacity: int = CAPACITY,
    ) -> None:
        self._redis, self._ttl, self._record, self._now = redis, ttl, record, now
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._size, self._capacity = 0, capacity
        self._again = 0.0  # when Redis may be asked

    async def get(self, hash: str) -> str | None:
        text = self._texts.get(hash)
        if text is not None:
            self._texts.move_to_end(hash)
            self._record("memory")
            return text
        text = await self._fetch(hash)
        self._record("redis" if text is not None else "missing")
        if text is not None:
            self._remember(hash, text)
        return text

    async def put(self, hash: str, text: str) -> None:
        """Longer ones are not kept: their clients send them each time."""
        if len(text) > LONGEST:
            return
        self._remember(hash, text)
        self._record("registered")
        if self._now() >= self._again:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._redis.set(KEY + hash, text.encode(), ex=self._ttl)
            except AWAY as error:
                self._pause(error)

    async def _fetch(self, hash: str) -> str | None:
        if self._now() < self._again:
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                found: bytes | str | None = await self._redis.getex(KEY + hash, ex=self._ttl)
        except AWAY as error:
            self._pause(error)
            return None
        if found is None:
            return None
        content = found.encode() if isinstance(found, str) else found
        return content.decode() if sha256(content).hexdigest() == hash else None

    def _pause(self, error: Exception) -> None:
        self._again = self._now() + PAUSE
        self._record("unavailable")
        log.warning("registered documents: no redis", error=type(error).__name__)

    def _remember(self, hash: str, text: str) -> None:
        if hash in self._texts:
            return
        self._texts[hash] = text
        self._size += len(text)
        while self._size > self._capacity:
            _, oldest = self._texts.popitem(last=False)
            self._size -= len(oldest)
