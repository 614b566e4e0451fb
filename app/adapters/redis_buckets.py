"""Token buckets in Redis, for all processes together: one script, one round trip, by Redis's own clock.

It never keeps a request waiting for a Redis that is away: a call waits for `timeout` at the most, after a few failures
in a row nobody asks any more, and a task in the background finds out when it is back (R64).
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from redis.asyncio import Redis

from app.adapters.redis_away import AWAY, redis_at
from app.domain.rate_limit.model import Policy, up

log = structlog.get_logger()

KEY = "feature-api:limit:"
FAILURES = 3  # in a row, after which Redis counts as away
PROBE = 0.5  # seconds between two looks whether it is back
SHARE = 8  # of what is in the bucket, the part that one process may take ahead

# All arithmetic is in whole numbers below 2^53, which is what Lua counts with: a drop is here the part of a point that
# comes back in a millisecond if the limit is 1, and a bucket of `limit` points gains `limit` drops a millisecond. What
# is kept is what is missing, and when; a full bucket is not kept.
TAKE = """
local limit, window, need, want, back =
  tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local full, missing = limit * window, 0
local kept = redis.call('GET', KEYS[1])
if kept then
  local held, at = string.match(kept, '^(%d+) (%d+)$')
  local elapsed = math.min(math.max(now - tonumber(at), 0), window)
  missing = math.min(tonumber(held) - elapsed * limit, full)
end
missing = math.max(missing - back * window, 0)
local held, granted = math.floor((full - missing) / window), 0
if held >= need then
  granted = math.max(need, math.min(want, math.floor(held / tonumber(ARGV[6]))))
end
missing = missing + granted * window
if missing > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f %.0f', missing, now), 'PX', math.ceil(missing / limit))
elseif kept then
  redis.call('DEL', KEYS[1])
end
return {granted, full - missing}
"""


class RedisBuckets:
    """`timeout` in seconds. `told` hears whether Redis holds the buckets, at first and whenever that changes, and
    `failed` of each call that Redis left without an answer."""

    def __init__(
        self,
        url: str,
        timeout: float,
        told: Callable[[bool], None],
        failed: Callable[[], None],
        client: type[Redis] = Redis,
    ) -> None:
        self._redis = redis_at(url, timeout, client)
        self._take = self._redis.register_script(TAKE)
        self._timeout, self._told, self._failed = timeout, told, failed
        self._failures = 0
        self._probing: asyncio.Task[None] | None = None
        told(True)

    async def take(self, key: str, policy: Policy, need: int, want: int, back: int) -> tuple[int, int] | None:
        """(points granted, drops that are left): `back` points are put back, and at least `need` are taken, at most
        `want`, or 0 where fewer are there. None where Redis does not answer; whether it took them then nobody knows."""
        if self._probing is not None:
            return None
        try:
            async with asyncio.timeout(self._timeout):
                granted, drops = await self._take(
                    keys=[KEY + key], args=[policy.limit, policy.window * 1000, need, want, back, SHARE]
                )
        except AWAY as error:
            self._count(error)
            return None
        self._failures = 0
        return granted, drops * up(policy.drops, policy.window * 1000)

    async def close(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
            with suppress(asyncio.CancelledError):
                await self._probing
        await self._redis.aclose()

    def _count(self, error: Exception) -> None:
        self._failed()
        self._failures += 1
        if self._failures >= FAILURES and self._probing is None:
            self._told(False)
            log.warning("rate limits: no redis, each process counts for itself", error=type(error).__name__)
            self._probing = asyncio.create_task(self._probe())

    async def _probe(self) -> None:
        while True:
            await asyncio.sleep(PROBE)
            with suppress(*AWAY):
                async with asyncio.timeout(self._timeout):
                    await self._redis.set(KEY + "probe", 1, px=1)  # a replica answers PING too, and takes nothing
                break
        self._failures, self._probing = 0, None
        self._told(True)
        log.warning("rate limits: redis is back")
