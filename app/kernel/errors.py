"""Expected failures: services raise them, each edge translates them once, nobody else catches.

DomainError
├── InvalidInput         a value breaks a rule; one Problem per bad field
├── NotFound             no such object, or the actor may not see it
├── DuplicateName        the owner has another live feature of that name
├── LimitExceeded        the owner has as many active features as allowed; TokenLimitExceeded: the user live tokens
├── InvalidTransition    the status does not lead there
├── StaleVersion         the object changed since the caller read it
├── DuplicateEmail       another user has that email
├── LastAdmin            nobody would be left who may administer users
├── Unauthenticated      a guest asks for what only users may have
├── Forbidden            the actor sees the object, but may not do this to it
├── BadUserInput         an argument, id or cursor that no correct client sends
├── QueryTooComplex      the operation costs more than one request may
├── (elsewhere)          KeyReused, KeyInProgress: key_errors.py; Undone: domain/feature/bulk.py
├── RateLimited          the actor has spent the points of this minute
│   └── TooManyAttempts  too many logins or refreshes in this minute
└── Unavailable          a server that we need is away or too slow; try again
"""

from collections.abc import Sequence
from typing import ClassVar, Literal
from uuid import UUID

from app.kernel.value import value

type ErrorCode = Literal[
    "VALIDATION_ERROR",
    "NOT_FOUND",
    "DUPLICATE_NAME",
    "FEATURE_LIMIT_EXCEEDED",
    "TOKEN_LIMIT_EXCEEDED",
    "INVALID_TRANSITION",
    "STALE_VERSION",
    "DUPLICATE_EMAIL",
    "LAST_ADMIN",
    "UNDONE",
    "UNAUTHENTICATED",
    "FORBIDDEN",
    "BAD_USER_INPUT",
    "QUERY_TOO_COMPLEX",
    "IDEMPOTENCY_KEY_REUSED",
    "IDEMPOTENCY_IN_PROGRESS",
    "RATE_LIMITED",
    "UNAVAILABLE",
]
type Issue = Literal["REQUIRED", "TYPE", "MIN_LENGTH", "MAX_LENGTH", "FORMAT", "RANGE"]
type Path = tuple[str, ...]


class DomainError(Exception):
    """Base of every expected failure. `path` names the culprit inside the input, where there is one; `denied`, the
    permission that was refused, is for the security events alone and never told to the caller."""

    code: ClassVar[ErrorCode]

    def __init__(self, message: str, path: Path | None = None, denied: str | None = None) -> None:
        super().__init__(message)
        self.message, self.path, self.denied = message, path, denied

    @property
    def facts(self) -> dict[str, object]:
        """What a program may want to know, JSON values by their client-visible names."""
        return {}


@value
class Problem:
    """One field that breaks a rule; `limit` is the bound that was passed, in the unit the message names."""

    path: Path
    issue: Issue
    message: str
    limit: int | None = None

    @property
    def code(self) -> ErrorCode:
        return InvalidInput.code


class InvalidInput(DomainError):
    code = "VALIDATION_ERROR"

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems), problems[0].path)
        self.problems = problems


class NotFound(DomainError):
    code = "NOT_FOUND"


class DuplicateName(DomainError):
    """`path` is None where the name was not sent: a feature that is restored brings its own."""

    code = "DUPLICATE_NAME"

    def __init__(self, existing_id: UUID | None, path: Path | None = ("name",)) -> None:
        super().__init__("The owner has another feature of this name: choose another, or rename that one.", path)
        self.existing_id = existing_id


class LimitExceeded(DomainError):
    code = "FEATURE_LIMIT_EXCEEDED"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The owner has {limit} active features, the most allowed: archive or deactivate one first.")
        self.limit = limit


class TokenLimitExceeded(DomainError):
    code = "TOKEN_LIMIT_EXCEEDED"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The user has {limit} tokens that live, the most allowed: revoke one first.")
        self.limit = limit


class InvalidTransition(DomainError):
    code = "INVALID_TRANSITION"

    def __init__(self, from_status: str, to_status: str) -> None:
        super().__init__(f"A feature cannot go from {from_status} to {to_status}.")
        self.from_status, self.to_status = from_status, to_status


@value
class Conflict:
    """A field that the caller wants at `proposed` while it is at `current` by now; both are JSON values."""

    field: str
    current: object
    proposed: object


class StaleVersion(DomainError):
    """`current` is the object as it is now."""

    code = "STALE_VERSION"

    def __init__(self, expected: int, current_version: int, current: object, conflicts: list[Conflict]) -> None:
        super().__init__(
            f"Version {expected} is not the current one, {current_version}: look at what changed and send it again.",
            ("expectedVersion",),
        )
        self.expected_version, self.current_version = expected, current_version
        self.current, self.conflicts = current, conflicts


class DuplicateEmail(DomainError):
    """`existing_id` is None where that user is gone by now."""

    code = "DUPLICATE_EMAIL"

    def __init__(self, existing_id: UUID | None) -> None:
        super().__init__("Another user has this email: choose another, or change that user's.", ("email",))
        self.existing_id = existing_id


class LastAdmin(DomainError):
    code = "LAST_ADMIN"

    def __init__(self, path: Path) -> None:
        super().__init__("This is the last administrator who is not disabled: make another one first.", path)


class Unauthenticated(DomainError):
    code = "UNAUTHENTICATED"

    def __init__(self, message: str = "Send a token: `Authorization: Bearer …`.") -> None:
        super().__init__(message)


class Forbidden(DomainError):
    code = "FORBIDDEN"

    def __init__(self, message: str, denied: str) -> None:
        super().__init__(message, denied=denied)


class BadUserInput(DomainError):
    code = "BAD_USER_INPUT"

    @property
    def facts(self) -> dict[str, object]:
        return {"argumentPath": list(self.path or ())}


@value
class PathCost:
    """What one path of an operation costs, in points, everywhere that it occurs; what is below it not counted."""

    path: str
    cost: int

    @property
    def facts(self) -> dict[str, object]:
        return {"path": self.path, "cost": self.cost}


class QueryTooComplex(DomainError):
    """`bound` says the limit in the message; `costliest` comes with the costliest path first."""

    code = "QUERY_TOO_COMPLEX"

    def __init__(self, cost: int, limit: int, bound: str, costliest: Sequence[PathCost] = ()) -> None:
        most = f" {costliest[0].cost} of them for `{costliest[0].path}`," if costliest else ""
        super().__init__(f"This operation costs {cost} points,{most} and {bound}: ask for smaller pages, or split it.")
        self.cost, self.limit, self.costliest = cost, limit, costliest

    @property
    def facts(self) -> dict[str, object]:
        return {"cost": self.cost, "limit": self.limit, "costliest": [path.facts for path in self.costliest]}


class RateLimited(DomainError):
    """`retry_after` in whole seconds; `unit` is what the limit counts."""

    code = "RATE_LIMITED"

    def __init__(self, limit: int, cost: int, retry_after: int, unit: str = "points a minute") -> None:
        super().__init__(f"The limit of {limit} {unit} is spent: try again in {retry_after} s.")
        self.limit, self.cost, self.retry_after = limit, cost, retry_after

    @property
    def facts(self) -> dict[str, object]:
        return {"limit": self.limit, "cost": self.cost, "retryAfter": self.retry_after}


class TooManyAttempts(RateLimited):
    """`limit` a minute, from one address or at one account: which of them is not told."""

    def __init__(self, limit: int, retry_after: int) -> None:
        super().__init__(limit, 1, retry_after)
        self.message = f"Too many attempts: try again in {retry_after} s."


class Unavailable(DomainError):
    """`retry_after` in whole seconds."""

    code = "UNAVAILABLE"

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    @property
    def facts(self) -> dict[str, object]:
        return {"retryAfter": self.retry_after}
