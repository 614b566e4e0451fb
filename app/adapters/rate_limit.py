"""Token buckets in the memory of this process: what one process alone has granted, exactly.

Each process counts for itself: behind N of them an actor has up to N times the limit.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

from app.domain.rate_limit.model import Draw, Policy

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000  # microseconds
SWEPT = 2  # full buckets that one call forgets at most; it makes at most one


@dataclass(slots=True)
class Bucket:
    """`missing` drops at `at`, in microseconds since 1970; full again in the second `full_in`."""

    missing: int
    at: int
    full_in: int


class LocalBuckets:
    """Exact: all arithmetic is in whole drops and microseconds. It holds at most `capacity` buckets, and a call takes
    the same time however many there are.

    A full bucket need not be remembered. Where there are too many that are not full, the ones that will be soonest are
    forgotten first, so that nobody gains much by making many. When the clock goes back, a bucket gains nothing
    until it is asked for, and goes on from there.
    """

    def __init__(self, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._buckets: dict[str, Bucket] = {}
        self._keys: dict[int, dict[str, None]] = {}  # by the second in which they are full: a window's worth of them
        self._seconds: list[int] = []  # a heap of those

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, policy: Policy, cost: int, now: datetime) -> Draw:
        """A cost of 0 just looks; one below 0 gives back, up to a full bucket."""
        at = (now - EPOCH) // MICROSECOND
        self._sweep(at // SECOND)
        limit, full = policy.limit, policy.full
        bucket = self._buckets.get(key)
        missing = 0
        if bucket is not None:  # where the limit has shrunk since, the bucket is empty rather than in debt
            missing = min(max(bucket.missing - max(at - bucket.at, 0) * limit, 0), full)
        taken = missing + cost * policy.drops <= full
        if taken:
            missing = max(missing + cost * policy.drops, 0)
        self._put(key, bucket, missing, at, limit)
        return Draw(taken, full - missing)

    def _put(self, key: str, bucket: Bucket | None, missing: int, at: int, limit: int) -> None:
        full_in = (at - (-missing // limit)) // SECOND
        if bucket is None:
            if missing:
                self._buckets[key] = Bucket(missing, at, full_in)
                self._file(key, full_in)
                first = self._first_second()
                if len(self._buckets) > self._capacity and first is not None:
                    self._forget_one_of(first)
            return
        if full_in != bucket.full_in:
            del self._keys[bucket.full_in][key]
            self._file(key, full_in)
        bucket.missing, bucket.at, bucket.full_in = missing, at, full_in

    def _file(self, key: str, full_in: int) -> None:
        if full_in not in self._keys:
            self._keys[full_in] = {}
            heappush(self._seconds, full_in)
        self._keys[full_in][key] = None

    def _sweep(self, second: int) -> None:
        """Forget some buckets that were full before this second."""
        for _ in range(SWEPT):
            first = self._first_second()
            if first is None or first >= second:
                return
            self._forget_one_of(first)

    def _first_second(self) -> int | None:
        """The earliest one in which a bucket is full; None where there is no bucket."""
        while self._seconds and not self._keys[self._seconds[0]]:
            del self._keys[heappop(self._seconds)]
        return self._seconds[0] if self._seconds else None

    def _forget_one_of(self, second: int) -> None:
        key, _ = self._keys[second].popitem()  # the newest: to find the oldest is slow once others before it are gone
        del self._buckets[key]
