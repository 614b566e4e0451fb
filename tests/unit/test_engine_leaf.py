"""Rows become dicts: what is plainly right at once, all else singly, and no client's word becomes source."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLString,
)

from app.engine.batch import Context
from app.engine.declare import Column, ContextColumn
from app.engine.leaf import Constant, Leaf, Read, builder, complete_leaf

STATUS = GraphQLEnumType("Status", {"ON": "ON", "OFF": "OFF"})
TIME = GraphQLScalarType("DateTime", serialize=lambda value: value)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONTEXT = cast(Context, "context")


@dataclass
class Row:
    value: object


class Special(Row):
    pass


def leaf(type_: GraphQLOutputType, key: str = "key", read: Read = "value") -> Leaf:
    return Leaf(key, [], type_, "Row.value", read)


def built(type_: GraphQLOutputType, *values: object) -> list[dict[str, Any] | None]:
    return builder(Row, [leaf(type_)])([Row(value) for value in values], CONTEXT)


@pytest.mark.parametrize(
    ("type_", "right", "wrong"),
    [
        (GraphQLString, ["a", ""], [1, ValueError()]),
        (GraphQLInt, [0, 2**31 - 1, -(2**31)], [2**31, -(2**31) - 1, True, 1.0, "1"]),
        (TIME, [NOW], ["2026-01-01", 5]),
        (STATUS, ["ON", "OFF"], ["BURNING", 3]),
        (GraphQLList(GraphQLNonNull(GraphQLString)), [[], ["a", "b"]], [["a", None], ["a", 1], "ab", ("a",)]),
    ],
)
def test_only_what_is_plainly_right_is_taken(type_: Any, right: list[object], wrong: list[object]) -> None:
    assert built(GraphQLNonNull(type_), *right, *wrong, None) == [{"key": v} for v in right] + [None] * (len(wrong) + 1)
    assert built(type_, *right, *wrong, None) == [{"key": v} for v in right] + [None] * len(wrong) + [{"key": None}]


def test_a_list_with_an_unknown_enum_value_raises() -> None:
    type_ = GraphQLNonNull(GraphQLList(GraphQLNonNull(STATUS)))
    assert built(type_, ["ON"], []) == [{"key": ["ON"]}, {"key": []}]
    with pytest.raises(KeyError):
        built(type_, ["BURNING"])


def test_a_row_of_another_class_is_looked_at_singly() -> None:
    build = builder(Row, [leaf(GraphQLString)])
    assert build([Row("a"), Special("a"), None, "stranger"], CONTEXT) == [{"key": "a"}, None, None, None]


def test_keys_stand_in_order_whatever_they_are() -> None:
    keys = ['"', "'}] + [exit()] #", "\n", "row"]
    doubled = leaf(GraphQLString, keys[3], Column(lambda row: row.value * 2))
    build = builder(Row, [leaf(GraphQLString, keys[0]), Constant(keys[1], "Row"), Constant(keys[2], None), doubled])

    (found,) = build([Row("x")], CONTEXT)

    assert found is not None
    assert list(found.items()) == list(zip(keys, ["x", "Row", None, "xx"], strict=True))


def test_a_column_may_read_the_context() -> None:
    member = leaf(GraphQLString, read=ContextColumn(lambda row, context: f"{row.value} in {context}"))
    assert builder(Row, [member])([Row("a")], CONTEXT) == [{"key": "a in context"}]
    assert member.value(Row("a"), CONTEXT) == "a in context"


def test_what_is_no_identifier_never_becomes_source() -> None:
    with pytest.raises(ValueError, match="no attribute's name"):
        builder(Row, [leaf(GraphQLString, read="value or exit()")])


@pytest.mark.parametrize(
    ("type_", "value", "kind", "message"),
    [
        (GraphQLNonNull(GraphQLString), None, TypeError, "Cannot return null for non-nullable field Row.value."),
        (GraphQLInt, 2**31, GraphQLError, "Int cannot represent non 32-bit signed integer value: 2147483648"),
        (STATUS, "BURNING", GraphQLError, "Enum 'Status' cannot represent value: 'BURNING'"),
        (GraphQLString, ConnectionError("lost"), ConnectionError, "lost"),
    ],
)
def test_a_single_leaf_says_what_is_wrong(type_: Any, value: object, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        complete_leaf(type_, value, "Row.value")
