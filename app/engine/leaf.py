"""Leaf values: a generated function makes dicts of rows whose values are plainly right; the rest is completed singly.

The generated source is made of names that we chose and of attribute names of the schema, checked to be identifiers;
response keys are client text, so they enter as values of the function's globals and never as source.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLScalarType,
    Undefined,
    is_leaf_type,
)
from graphql.pyutils import inspect, is_iterable

from app.engine.batch import Context
from app.engine.declare import Column, ContextColumn

type Row = Any
type Answer = dict[str, Any]
type Build = Callable[[Sequence[Row], Context], list[Answer | None]]
type Read = str | Column | ContextColumn  # a string is an attribute's name

# A value for which the check holds is already what the scalar's serializer and the JSON encoder would make of it.
PLAIN = {
    "String": "{v}.__class__ is str",
    "ID": "{v}.__class__ is str",
    "Boolean": "{v}.__class__ is bool",
    "Int": "{v}.__class__ is int and -2147483648 <= {v} <= 2147483647",
    "DateTime": "{v}.__class__ is datetime",
}
NEVER_NULL = {"UUID", "JSON"}  # scalars whose serializer makes no null of a value
STRINGS = {str}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One response key whose value comes from the row."""

    key: str
    nodes: list[FieldNode]
    type: GraphQLOutputType
    label: str  # Type.field, for messages
    read: Read

    def value(self, row: Row, context: Context) -> object:
        if isinstance(self.read, str):
            found: object = getattr(row, self.read)
            return found
        return self.read.read(row) if isinstance(self.read, Column) else self.read.read(row, context)


@dataclass(frozen=True, slots=True)
class Constant:
    """One response key that is the same for every row: __typename, or None where an edge will put its value."""

    key: str
    value: str | None


def unwrap(type_: GraphQLOutputType) -> tuple[GraphQLOutputType, bool]:
    """(type without its NonNull, nullable)."""
    return (type_.of_type, False) if isinstance(type_, GraphQLNonNull) else (type_, True)


def is_leaf(type_: GraphQLOutputType) -> bool:
    """A leaf type, or a list of one."""
    while isinstance(type_, GraphQLNonNull | GraphQLList):
        type_ = type_.of_type
    return is_leaf_type(type_)


def complete_leaf(type_: GraphQLOutputType, value: object, label: str) -> object:
    """CompleteValue (GraphQL §6.4.3) of leaves and lists of non-null leaves; raises what graphql-core would raise."""
    if isinstance(value, Exception):
        raise value
    if isinstance(type_, GraphQLNonNull):
        completed = complete_leaf(type_.of_type, value, label)
        if completed is None:
            raise TypeError(f"Cannot return null for non-nullable field {label}.")
        return completed
    if value is None or value is Undefined:
        return None
    assert isinstance(type_, GraphQLScalarType | GraphQLEnumType)
    coerced: object = type_.coerce_output_value(value)
    if coerced is None or coerced is Undefined:
        called = f"{inspect(type_)}.coerce_output_value({inspect(value)})"
        raise TypeError(f"Expected `{called}` to return non-nullable value, returned: {inspect(coerced)}")
    return coerced


def items_of(value: object, label: str) -> list[object]:
    """Raises GraphQLError where it is no list."""
    if isinstance(value, Iterable) and is_iterable(value):
        return list(value)
    raise GraphQLError(f"Expected Iterable, but did not find one for field '{label}'.")


def builder(model: type, members: Sequence[Leaf | Constant]) -> Build:
    """(rows, context) -> dicts with the members' keys in order; None for each row that is not plainly right.

    It may also raise what reading a row raises: then none is.
    """
    scope: dict[str, Any] = {"datetime": dt.datetime, "model": model, "strings": STRINGS}
    pairs, checks = [], ["row.__class__ is model"]
    for number, member in enumerate(members):
        scope[f"k{number}"] = member.key
        if isinstance(member, Constant):
            scope[f"c{number}"] = member.value
            pairs.append(f"k{number}: c{number}")
            continue
        check, result = _expressions(member, number, scope)
        pairs.append(f"k{number}: {result}")
        checks.append(check)
    made = f"{{{', '.join(pairs)}}} if {' and '.join(checks)} else None"
    exec(_compiled(f"def build(rows, context):\n    return [{made} for row in rows]"), scope)  # noqa: S102  # no word of it is a client's
    build: Build = scope.pop("build")  # not among its own globals: no circle, so a forgotten operation is freed at once
    return build


@lru_cache(512)
def _compiled(source: str) -> CodeType:
    """Many selections are alike but for their keys, which the source does not hold; code is a fifth of what an
    operation keeps."""
    return compile(source, "<rows to dicts>", "exec")


def _expressions(leaf: Leaf, number: int, scope: dict[str, Any]) -> tuple[str, str]:
    """(condition that reads the value into a local and accepts it, expression of the finished value)."""
    local = f"v{number}"
    read = f"({local} := {_reading(leaf.read, number, scope)})"
    type_, nullable = unwrap(leaf.type)
    accept, result = _accepting(type_, number, local, scope)
    if not nullable:
        return f"({accept.replace('{v}', read, 1).replace('{v}', local)})", f"({result})"
    accepted = f"({read} is None or {accept.replace('{v}', local)})"
    return accepted, local if result == local else f"({result} if {local} is not None else None)"


def _reading(read: Read, number: int, scope: dict[str, Any]) -> str:
    if isinstance(read, str):
        if not read.isidentifier():
            raise ValueError(f"{read!r} is no attribute's name")
        return f"row.{read}"
    scope[f"f{number}"] = read.read
    return f"f{number}(row)" if isinstance(read, Column) else f"f{number}(row, context)"


def _accepting(type_: GraphQLOutputType, number: int, local: str, scope: dict[str, Any]) -> tuple[str, str]:
    """(condition that accepts a value that is not null, expression of what it becomes)."""
    if isinstance(type_, GraphQLEnumType):
        scope[f"n{number}"] = _names(type_)
        return f"{{v}} in n{number}", f"n{number}[{local}]"
    if isinstance(type_, GraphQLScalarType) and type_.name in PLAIN:
        return PLAIN[type_.name], local
    if isinstance(type_, GraphQLScalarType) and type_.name in NEVER_NULL:
        scope[f"s{number}"] = type_.coerce_output_value
        return "{v} is not None and not isinstance({v}, Exception)", f"s{number}({local})"
    if isinstance(type_, GraphQLList) and isinstance(type_.of_type, GraphQLNonNull):
        item = type_.of_type.of_type
        if isinstance(item, GraphQLScalarType) and item.name in ("String", "ID"):
            return "{v}.__class__ is list and {*map(type, {v})} <= strings", local
        if isinstance(item, GraphQLEnumType):
            scope[f"n{number}"] = _names(item).__getitem__
            return "{v}.__class__ is list", f"[*map(n{number}, {local})]"
    return "False", local  # always singly


def _names(type_: GraphQLEnumType) -> dict[str, str]:
    """Of the values that are their own names in the domain."""
    return {v.value: name for name, v in type_.values.items() if isinstance(v.value, str)}
