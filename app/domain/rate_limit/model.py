"""Points per minute: how many an actor has, and the arithmetic of the bucket that holds them (R26)."""

from dataclasses import dataclass
from datetime import datetime

DROPS = 60_000_000  # in a point: a bucket of so many points a minute gains as many drops a microsecond, a whole number
MAX_LIMIT = 10**9  # points a minute; it stands for no limit, which there is no other word for


@dataclass(frozen=True, slots=True)
class PointLimits:
    """Points a minute, each 1 to MAX_LIMIT; `guest` for all guests of one address together, `user` for each user.

    Raises ValueError for what is outside.
    """

    guest: int
    user: int

    def __post_init__(self) -> None:
        for limit in (self.guest, self.user):
            if not 1 <= limit <= MAX_LIMIT:
                raise ValueError(f"a limit must be between 1 and {MAX_LIMIT} points a minute: it is {limit}")


@dataclass(frozen=True, slots=True)
class Draw:
    """What came of taking from a bucket; `drops` is what is in it afterwards."""

    taken: bool
    drops: int


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Where the actor stands: `limit` in points a minute, `remaining` and `cost` in points, whole ones.

    `reset_at` (UTC) is when the bucket is full again, should nothing more be taken.
    """

    limit: int
    remaining: int
    cost: int
    reset_at: datetime
