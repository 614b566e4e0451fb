"""Buckets for all processes: those of Redis, spent in lots, beside those of this process, which bound it at any time.

What this process grants is taken from both. So while Redis is away, or has forgotten everything, the process grants no
more than a bucket of the same size holds, what it granted before counted in: N processes grant at most N times the
limit then, and once it otherwise.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from app.adapters.rate_limit import LocalBuckets
from app.domain.rate_limit.model import MICROSECONDS, Draw, Policy
from app.kernel.clock import Clock

LEASE = 1.0  # seconds for which a lot may be spent; what is left goes back with the next draw
PARTS = 20  # a lot is at most this part of the limit
REMEMBERED = 10_000  # leases


class Store(Protocol):
    """See RedisBuckets."""

    async def take(self, key: str, policy: Policy, need: int, want: int, back: int) -> tuple[int, int] | None: ...


@dataclass(slots=True)
class Lease:
    """`points` that are taken and not yet spent, good until `until`; `spent` since they were taken; `drops` are what
    was left in the bucket at `at`. Times are of the monotonic clock."""

    points: int = 0
    until: float = 0.0
    spent: int = 0
    drops: int = 0
    at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class SharedBuckets:
    """`now` for the buckets of this process, `monotonic` (seconds) for leases."""

    def __init__(self, store: Store, now: Clock, monotonic: Callable[[], float]) -> None:
        self._store, self._now, self._monotonic = store, now, monotonic
        self._local = LocalBuckets()
        self._leases: OrderedDict[str, Lease] = OrderedDict()

    async def take(self, key: str, policy: Policy, points: int) -> Draw:
        name = f"{policy.name}:{key}"
        if not policy.lots:
            granted, drops = await self._draw(name, policy, points, points, 0)
            return Draw(granted >= points, drops)
        lease = self._leases.get(name)
        if lease is None:
            lease = self._leases[name] = Lease()
            if len(self._leases) > REMEMBERED:
                self._leases.popitem(last=False)
        return self._spend(lease, policy, points) or await self._renew(name, lease, policy, points)

    def _spend(self, lease: Lease, policy: Policy, points: int) -> Draw | None:
        """None where the lease says nothing about so many points."""
        now = self._monotonic()
        if now >= lease.until:
            return None
        gained = int((now - lease.at) * MICROSECONDS) * policy.limit
        drops = min(lease.drops + gained, policy.full - lease.points * policy.drops)
        if points <= lease.points:
            lease.points -= points
            lease.spent += points
            return Draw(True, drops + lease.points * policy.drops)
        drops += lease.points * policy.drops
        return Draw(False, drops) if drops < points * policy.drops else None

    async def _renew(self, name: str, lease: Lease, policy: Policy, points: int) -> Draw:
        """One draw at a time for a key: who came in the meantime finds what it brought."""
        async with lease.lock:
            found = self._spend(lease, policy, points)
            if found is not None:
                return found
            hot = points and self._monotonic() < lease.until + LEASE
            ahead = min(2 * lease.spent, policy.limit // PARTS) if hot else 0
            back, lease.points, lease.until = lease.points, 0, 0.0  # nobody spends what is about to go back
            granted, drops = await self._draw(name, policy, points, points + ahead, back)
            taken = granted >= points
            lease.points, lease.spent = (granted - points, points) if taken else (0, 0)
            lease.drops, lease.at = drops, self._monotonic()
            lease.until = lease.at + LEASE
            return Draw(taken, drops + lease.points * policy.drops)

    async def _draw(self, name: str, policy: Policy, need: int, want: int, back: int) -> tuple[int, int]:
        """(points granted, drops that are left), after `back` points were put back."""
        if back:
            self._local.take(name, policy, -back, self._now())
        own = self._local.take(name, policy, need, self._now())
        if not own.taken:  # nor does the shared bucket hold them, of which others take too; or it has forgotten
            if back:
                await self._store.take(name, policy, 0, 0, back)
            return 0, own.drops
        found = await self._store.take(name, policy, need, want, back)
        if found is None:
            return need, own.drops
        granted, drops = found
        if granted < need:
            self._local.take(name, policy, -need, self._now())
            return 0, drops
        ahead = self._local.take(name, policy, granted - need, self._now())
        return (granted if ahead.taken else need), min(drops, ahead.drops)
