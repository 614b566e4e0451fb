"""The published contracts, compared with what they were elsewhere or before (R80)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphql import GraphQLField, GraphQLSchema

from app.commands.against import read_graphql, read_text
from app.commands.published import OPENAPI, SCHEMA
from app.contract.change import Change, NotComparable
from app.contract.clients import SeenOperation, judged_by_clients, unused_fields
from app.contract.coordinates import elements, line_of
from app.contract.deprecation import removal_date
from app.contract.graphql_changes import graphql_changes, read_schema
from app.contract.openapi_changes import openapi_changes, read_openapi
from app.contract.report import LineOf
from app.kernel.clock import utc_now


@dataclass(frozen=True, slots=True)
class Compared:
    changes: Sequence[Change]
    line_of: LineOf  # in the published file


def compare_schema(against: str, file: Path, token: str | None, operations: Sequence[SeenOperation] | None) -> Compared:
    """The code's schema with that one; judged by `operations`, if they are known. Raises NotComparable."""
    old, new = read_graphql(against, file, token), read_schema(SCHEMA.text())
    changes = graphql_changes(old, new, utc_now().date())
    if operations is not None:
        changes = _by_clients(changes, operations, old, new)
    return Compared(changes, lambda where: line_of(new, where))


def compare_openapi(against: str, file: Path) -> Compared:
    """Raises NotComparable."""
    old, text = read_openapi(read_text(against, file)), OPENAPI.text()
    lines = text.splitlines()

    def line_of_path(where: str) -> int:
        """Of the path that it is about."""
        path = next((word for word in where.split() if word.startswith("/")), None)
        return next((number for number, line in enumerate(lines, 1) if line.strip().startswith(f'"{path}":')), 1)

    return Compared(openapi_changes(old, read_openapi(text), utc_now().date()), line_of_path)


def _by_clients(
    changes: Sequence[Change], operations: Sequence[SeenOperation], old: GraphQLSchema, new: GraphQLSchema
) -> list[Change]:
    if not operations:
        told = "No operation is known, so nothing can be said of clients: record them, or leave --clients out."
        raise NotComparable(told)
    return judged_by_clients(changes, operations, old, new)


def field_lines(operations: Sequence[SeenOperation], *, deprecated: bool) -> list[str]:
    """The fields of the code's schema that none of these uses; only the deprecated ones, if so wanted."""
    schema = read_schema(SCHEMA.text())
    fields = {where: field for where, field in elements(schema).items() if isinstance(field, GraphQLField)}
    wanted = {where for where, field in fields.items() if field.deprecation_reason is not None or not deprecated}
    return [
        where + _deprecated(fields[where].deprecation_reason) for where in unused_fields(operations, schema, wanted)
    ]


def _deprecated(reason: str | None) -> str:
    if reason is None:
        return ""
    day = removal_date(reason)
    return "  deprecated, without a day" if day is None else f"  deprecated, must work until {day}"
