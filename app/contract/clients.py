"""What clients do with a schema, and so whom a change breaks: a change that breaks no operation breaks nobody (R80)."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse, validate

from app.contract.change import Change, Severity, in_order
from app.contract.coordinates import parent_of
from app.contract.deprecation import BEFORE_ITS_DAY
from app.contract.usage import Usage, usage_of

NOBODY = "No operation that was seen uses it."
MOST_NAMED = 20  # clients by name in one change
# What must be there, and was not.
ABSENT = frozenset({"REQUIRED_ARG_ADDED", "BECAME_REQUIRED", "REQUIRED_DIRECTIVE_ARG_ADDED"})


@dataclass(frozen=True, slots=True)
class Client:
    """Who sends an operation: by its own word, empty where it says nothing. `last_at`: None for what is registered and
    may come at any time."""

    name: str
    version: str
    calls: int = 0
    last_at: datetime | None = None

    @property
    def label(self) -> str:
        return f"{self.name or 'an unnamed client'} {self.version}".rstrip()


@dataclass(frozen=True, slots=True)
class SeenOperation:
    """`hash`: hexadecimal, of the document; `name`: None for an anonymous one."""

    hash: str
    name: str | None
    document: str
    clients: Sequence[Client]

    @property
    def label(self) -> str:
        return self.name or f"anonymous {self.hash[:12]}"


@dataclass(frozen=True, slots=True)
class _Read:
    operation: SeenOperation
    node: DocumentNode
    usage: Usage
    refused: bool  # by the new schema


def judged_by_clients(
    changes: Iterable[Change], operations: Iterable[SeenOperation], old: GraphQLSchema, new: GraphQLSchema
) -> list[Change]:
    """Breaking is what breaks one of these operations, and it says whose; all else that was breaking is safe, save that
    a promised day should be kept. Operations that the old schema refuses already are nobody's."""
    read = [found for operation in operations if (found := _read(operation, old, new)) is not None]
    judged, explained = [], set[str]()
    for change in changes:
        if change.severity is Severity.SAFE:
            judged.append(change)
            continue
        broken = [one for one in read if _breaks(change, one)]
        if _must_be_used(change) and not broken:
            unused = Severity.DANGEROUS if change.code == BEFORE_ITS_DAY else Severity.SAFE
            judged.append(change.as_(unused, f"{change.why} {NOBODY}".strip()))
        elif _must_be_used(change):
            explained |= {one.operation.hash for one in broken}
            judged.append(replace(change, severity=Severity.BREAKING, users=_users(broken)))
        else:
            judged.append(change)
    judged += (_refused(one, new) for one in read if one.refused and one.operation.hash not in explained)
    return in_order(judged)


def _must_be_used(change: Change) -> bool:
    """To be bad at all. What is removed, though its day is over, still breaks who uses it."""
    return change.severity is Severity.BREAKING or "REMOVED" in change.code


def _breaks(change: Change, one: _Read) -> bool:
    """Of a value that is written out, the new schema itself says whether it will do."""
    told = change.code == "ARG_CHANGED_KIND" or (
        change.code == "FIELD_CHANGED_KIND"
        and parent_of(change.where) in one.usage.written
        and parent_of(change.where) not in one.usage.open
    )
    return touches(change, one.usage) and (one.refused or not told)


def touches(change: Change, usage: Usage) -> bool:
    """May the change break an operation that uses so much of the old schema? Yes, if in doubt."""
    where, parent = change.where, parent_of(change.where)
    if change.party:
        return change.party in usage.types and (where in usage.types or change.party in usage.selected)
    if change.code in ABSENT and where.endswith(")"):
        return parent in usage.coordinates and where not in usage.coordinates
    if change.code in ("REQUIRED_INPUT_FIELD_ADDED", "BECAME_REQUIRED"):
        return parent in usage.open or (parent in usage.written and where not in usage.coordinates)
    if change.code == "FIELD_CHANGED_KIND" and parent in usage.written:
        return True
    if change.code == "BECAME_ONE_OF":
        return where in usage.open or where in usage.written
    return where in usage.coordinates or where in usage.types or parent in usage.open


def _read(operation: SeenOperation, old: GraphQLSchema, new: GraphQLSchema) -> _Read | None:
    try:
        node = parse(operation.document)
    except GraphQLError:
        return None
    if validate(old, node):
        return None
    return _Read(operation, node, usage_of(old, node), bool(validate(new, node)))


def _users(broken: Sequence[_Read]) -> tuple[str, ...]:
    found = {f"{client.label} ({one.operation.label})" for one in broken for client in one.operation.clients}
    named = sorted(found)
    more = len(named) - MOST_NAMED
    return tuple(named if more <= 0 else [*named[:MOST_NAMED], f"and {more} more"])


def _refused(one: _Read, new: GraphQLSchema) -> Change:
    reason = " ".join(validate(new, one.node)[0].message.split())
    where = one.operation.label
    return Change(
        Severity.BREAKING, "OPERATION_REFUSED", where, f"The operation {where} is refused.", reason, users=_users([one])
    )


def unused_fields(operations: Iterable[SeenOperation], schema: GraphQLSchema, fields: Set[str]) -> list[str]:
    """Of `fields`, by coordinate, those that no operation uses, in order."""
    used = set[str]()
    for operation in operations:
        read = _read(operation, schema, schema)
        if read is not None:
            used |= read.usage.coordinates
            used |= {field for field in fields if parent_of(field) in read.usage.open}
    return sorted(fields - used)
