"""One change of a published contract: how bad it is, where, and why; what graphql-core, and our own finders, tell."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum


class Severity(IntEnum):
    """What it may do to a client that was written against the old contract."""

    SAFE = 0
    DANGEROUS = 1  # works on, but may see what it never saw
    BREAKING = 2

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Change:
    """`where`: a schema coordinate (`Type.field(argument:)`, `@directive`), or a place in openapi.json; `party`: the
    abstract type of which `where` was a part; `users`: the clients that it breaks, where they are known."""

    severity: Severity
    code: str
    where: str
    message: str
    why: str = ""
    party: str = ""
    users: tuple[str, ...] = ()

    def as_(self, severity: Severity, why: str) -> "Change":
        return replace(self, severity=severity, why=why)


class NotComparable(Exception):
    """One line that says what could not be read, and what to do."""


def in_order(changes: Iterable[Change]) -> list[Change]:
    """The worst first, then by place."""
    return sorted(set(changes), key=lambda change: (-change.severity, change.where, change.code, change.message))


def worst(changes: Iterable[Change]) -> Severity:
    return max((change.severity for change in changes), default=Severity.SAFE)
