"""The custom scalars, and how they cross between JSON and the domain."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

import orjson
import strawberry
from graphql import GraphQLError, ValueNode, value_from_ast_untyped
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

from app.kernel.json import Json


def parse_time(value: object) -> datetime:
    """RFC 3339 with an offset; in UTC. Raises GraphQLError."""
    try:
        if not isinstance(value, str):
            raise ValueError("not a string")
        time = datetime.fromisoformat(value)
        if time.tzinfo is None or "T" not in value.upper():
            raise ValueError("no offset")
        return time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise GraphQLError("A DateTime is an RFC 3339 string with an offset, such as 2026-01-31T12:00:00Z.") from None


def parse_uuid(value: object) -> UUID:
    try:
        if not isinstance(value, str):
            raise ValueError("not a string")
        return UUID(value)
    except ValueError:
        raise GraphQLError("A UUID is a string such as 01890a5d-ac96-774b-bcce-b302099a8057.") from None


def embed_json(value: object) -> object:
    """Text from the database goes into the answer as it is; anything else is JSON in Python's types already."""
    return orjson.Fragment(value.text) if isinstance(value, Json) else value


def parse_json_literal(node: ValueNode, variables: Mapping[str, object] | None = None) -> object:
    return value_from_ast_untyped(node, dict(variables or {}))


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment in time: RFC 3339, answered in UTC, with microseconds where there are any.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
        serialize=lambda value: value,  # the answer's encoder writes it
        parse_value=parse_time,
    ),
    UUID: strawberry.scalar(
        name="UUID", description="RFC 9562, in lower case with hyphens.", serialize=str, parse_value=parse_uuid
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value (RFC 8259).",
        serialize=embed_json,
        parse_value=lambda value: value,
        parse_literal=parse_json_literal,
    ),
}
