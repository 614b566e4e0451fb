"""Limits: how much an actor may take in which time, and what is left of it (R26)."""

from dataclasses import dataclass, field
from datetime import datetime

from app.kernel.value import value

MICROSECONDS = 1_000_000  # in a second
MINUTE, HOUR = 60, 3_600  # seconds
MAX_LIMIT = 10**9  # points; it stands for no limit, which there is no other word for


@dataclass(frozen=True, slots=True)
class Policy:
    """A token bucket: it holds up to `limit` points, starts full, and gains `limit` points in `window` seconds, evenly.

    `name` (letters and `-`) is told to clients. `lots`: a process may take points ahead, many at a time, and spend them
    within a second; never more than the bucket held are spent, but the last few may be refused though another process
    does not spend them. For what is asked for often; a limit of few is exact only without.

    Raises ValueError for a limit outside 1 to MAX_LIMIT.
    """

    name: str
    limit: int
    window: int = MINUTE
    lots: bool = False
    drops: int = field(init=False)  # in a point: the bucket gains `limit` drops a microsecond, a whole number
    full: int = field(init=False)  # drops in a full bucket

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise ValueError(f"a limit must be between 1 and {MAX_LIMIT} points: it is {self.limit}")
        object.__setattr__(self, "drops", self.window * MICROSECONDS)
        object.__setattr__(self, "full", self.limit * self.drops)


@dataclass(frozen=True, slots=True)
class PointLimits:
    """Points a minute, each 1 to MAX_LIMIT; `guest` for all guests of one address together, `user` for each user.

    Raises ValueError for what is outside.
    """

    guest: int
    user: int
    of_guest: Policy = field(init=False)
    of_user: Policy = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "of_guest", Policy("points", self.guest, lots=True))
        object.__setattr__(self, "of_user", Policy("points", self.user, lots=True))


@dataclass(frozen=True, slots=True)
class Policies:
    """Of all that is not paid for in points; each request takes one. REST: by role a minute, and by act an hour."""

    guest: Policy
    user: Policy
    post: Policy
    get: Policy
    put: Policy
    delete: Policy

    def of_method(self, method: str) -> Policy:
        """PATCH counts as PUT, and what else there is as GET."""
        match method:
            case "POST":
                return self.post
            case "PUT" | "PATCH":
                return self.put
            case "DELETE":
                return self.delete
            case _:
                return self.get


@value
class Draw:
    """What came of taking from a bucket; `drops` is what is in it afterwards."""

    taken: bool
    drops: int


@value
class Decision:
    """`drops` are left under the policy, whether the `points` were taken (`allowed`) or not."""

    policy: Policy
    allowed: bool
    points: int
    drops: int

    @property
    def remaining(self) -> int:
        """Whole points."""
        return self.drops // self.policy.drops

    @property
    def full_in(self) -> int:
        """Microseconds, rounded up, until the bucket is full again, should nothing more be taken."""
        return up(self.policy.full - self.drops, self.policy.limit)

    @property
    def reset(self) -> int:
        """The same in whole seconds, rounded up."""
        return up(self.full_in, MICROSECONDS)

    @property
    def retry_after(self) -> int:
        """Whole seconds, rounded up, until as many points as were asked for are there; 0 where they were taken."""
        if self.allowed:
            return 0
        return up(up(self.points * self.policy.drops - self.drops, self.policy.limit), MICROSECONDS)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Where the actor stands: `limit` in points a minute, `remaining` and `cost` in points, whole ones.

    `reset_at` (UTC) is when the bucket is full again, should nothing more be taken.
    """

    limit: int
    remaining: int
    cost: int
    reset_at: datetime


def up(amount: int, unit: int) -> int:
    """How many units hold the amount."""
    return -(-amount // unit)
