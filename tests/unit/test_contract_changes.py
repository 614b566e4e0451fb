"""Changes of a GraphQL schema: each with its severity and its place, and what a deprecation promises (R80)."""

from datetime import date, timedelta

import pytest
from graphql import build_client_schema, build_schema, introspection_from_schema
from graphql.utilities.find_schema_changes import (
    BreakingChange,
    BreakingChangeType,
    DangerousChange,
    DangerousChangeType,
    SafeChange,
    SafeChangeType,
    SchemaChange,
)

from app.contract.change import NotComparable
from app.contract.deprecation import removal_date
from app.contract.finders import change_of
from app.contract.graphql_changes import graphql_changes, read_schema

TODAY = date(2026, 11, 20)
DAY = TODAY.isoformat()

type Found = list[tuple[str, str, str]]


def found(old: str, new: str, today: date = TODAY) -> Found:
    changes = graphql_changes(read_schema(old), read_schema(new), today)
    return [(change.severity.label, change.code, change.where) for change in changes]


def of_query(old: str, new: str) -> Found:
    return found(f"type Query {{ {old} }}", f"type Query {{ {new} }}")


SELECTED = [
    ("a: Int b: Int", "a: Int", [("breaking", "FIELD_REMOVED", "Query.b")]),
    ("a: Int", "a: Int b: Int", [("safe", "FIELD_ADDED", "Query.b")]),
    ("a: Int!", "a: Int", [("breaking", "FIELD_CHANGED_KIND", "Query.a")]),
    ("a: Int", "a: Int!", [("safe", "FIELD_CHANGED_KIND_SAFE", "Query.a")]),
    ("a: [Int!]", "a: [Int]", [("breaking", "FIELD_CHANGED_KIND", "Query.a")]),
    ("a: Int", "a(x: Int): Int", [("dangerous", "OPTIONAL_ARG_ADDED", "Query.a(x:)")]),
    ("a: Int", "a(x: Int!): Int", [("breaking", "REQUIRED_ARG_ADDED", "Query.a(x:)")]),
    ("a(x: Int): Int", "a: Int", [("breaking", "ARG_REMOVED", "Query.a(x:)")]),
    ("a(x: Int): Int", "a(x: Int!): Int", [("breaking", "ARG_CHANGED_KIND", "Query.a(x:)")]),
    ("a(x: Int!): Int", "a(x: Int): Int", [("safe", "ARG_CHANGED_KIND_SAFE", "Query.a(x:)")]),
    ("a(x: Int! = 1): Int", "a(x: Int = 1): Int", [("safe", "ARG_CHANGED_KIND_SAFE", "Query.a(x:)")]),
    ("a(x: Int = 1): Int", "a(x: Int = 2): Int", [("dangerous", "ARG_DEFAULT_VALUE_CHANGE", "Query.a(x:)")]),
    ("a(x: Int = 1): Int", "a(x: Int): Int", [("dangerous", "ARG_DEFAULT_VALUE_CHANGE", "Query.a(x:)")]),
    ("a(x: Int): Int", "a(x: Int = 1): Int", [("dangerous", "ARG_DEFAULT_VALUE_ADDED", "Query.a(x:)")]),
    ("a(x: Int!): Int", "a(x: Int! = 1): Int", [("safe", "ARG_DEFAULT_VALUE_ADDED", "Query.a(x:)")]),
    (
        "a(x: Int! = 1): Int",
        "a(x: Int!): Int",
        [("breaking", "BECAME_REQUIRED", "Query.a(x:)"), ("dangerous", "ARG_DEFAULT_VALUE_CHANGE", "Query.a(x:)")],
    ),
    ('"One." a: Int', '"Two." a: Int', [("safe", "DESCRIPTION_CHANGED", "Query.a")]),
]


@pytest.mark.parametrize(("old", "new", "expected"), SELECTED)
def test_change_of_a_field_or_an_argument(old: str, new: str, expected: Found) -> None:
    assert of_query(old, new) == expected


WHOLE = [
    ("enum E { A B } type Query { e: E }", "enum E { A } type Query { e: E }", "breaking VALUE_REMOVED_FROM_ENUM E.B"),
    ("enum E { A } type Query { e: E }", "enum E { A B } type Query { e: E }", "dangerous VALUE_ADDED_TO_ENUM E.B"),
    (
        "enum E { A } type Query { a(e: E): Int }",
        "enum E { A B } type Query { a(e: E): Int }",
        "safe VALUE_ADDED_TO_ENUM E.B",
    ),
    (
        "input I { a: Int } type Query { a(i: I): Int }",
        "input I { a: Int b: Int } type Query { a(i: I): Int }",
        "dangerous OPTIONAL_INPUT_FIELD_ADDED I.b",
    ),
    (
        "input I { a: Int } type Query { a(i: I): Int }",
        "input I { a: Int b: Int! } type Query { a(i: I): Int }",
        "breaking REQUIRED_INPUT_FIELD_ADDED I.b",
    ),
    (
        "input I { a: Int } type Query { a(i: I): Int }",
        "input I @oneOf { a: Int } type Query { a(i: I): Int }",
        "breaking BECAME_ONE_OF I",
    ),
    (
        "input I @oneOf { a: Int } type Query { a(i: I): Int }",
        "input I { a: Int } type Query { a(i: I): Int }",
        "safe ONE_OF_REMOVED I",
    ),
    (
        "type A { x: Int } type B { x: Int } union U = A | B type Query { u: U }",
        "type A { x: Int } type B { x: Int } union U = A type Query { u: U }",
        "breaking TYPE_REMOVED_FROM_UNION B",
    ),
    (
        "type A { x: Int } type B { x: Int } union U = A type Query { u: U }",
        "type A { x: Int } type B { x: Int } union U = A | B type Query { u: U }",
        "dangerous TYPE_ADDED_TO_UNION B",
    ),
    (
        "interface N { x: Int } type A implements N { x: Int } type Query { n: N }",
        "interface N { x: Int } type A { x: Int } type Query { n: N }",
        "breaking IMPLEMENTED_INTERFACE_REMOVED A",
    ),
    (
        "interface N { x: Int } type A { x: Int } type Query { n: N }",
        "interface N { x: Int } type A implements N { x: Int } type Query { n: N }",
        "dangerous IMPLEMENTED_INTERFACE_ADDED A",
    ),
    ("directive @d on FIELD type Query { a: Int }", "type Query { a: Int }", "breaking DIRECTIVE_REMOVED @d"),
    ("directive @d on OBJECT type Query { a: Int }", "type Query { a: Int }", "dangerous DIRECTIVE_REMOVED @d"),
    (
        "directive @d on FIELD | OBJECT type Query { a: Int }",
        "directive @d on FIELD type Query { a: Int }",
        "dangerous DIRECTIVE_LOCATION_REMOVED @d",
    ),
    (
        "directive @d on FIELD | OBJECT type Query { a: Int }",
        "directive @d on OBJECT type Query { a: Int }",
        "breaking DIRECTIVE_LOCATION_REMOVED @d",
    ),
    (
        "directive @d(x: Int) on FIELD type Query { a: Int }",
        "directive @d on FIELD type Query { a: Int }",
        "breaking DIRECTIVE_ARG_REMOVED @d(x:)",
    ),
    (
        "type Query { a: Int } type Mutation { b: Int }",
        "schema { query: Query } type Query { a: Int } type Mutation { b: Int }",
        "breaking ROOT_CHANGED Mutation",
    ),
    (
        'scalar S @specifiedBy(url: "a") type Query { s: S }',
        'scalar S @specifiedBy(url: "b") type Query { s: S }',
        "dangerous SPECIFIED_BY_CHANGED S",
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), WHOLE)
def test_change_of_a_type_or_a_directive(old: str, new: str, expected: str) -> None:
    severity, code, where = found(old, new)[0]
    assert f"{severity} {code} {where}" == expected


COST = "directive @cost(weight: String!) on FIELD_DEFINITION "
SIZE = "directive @listSize(assumedSize: Int, slicingArguments: [String!]) on FIELD_DEFINITION "


@pytest.mark.parametrize(
    ("old", "new", "severity"),
    [
        ('a: Int @cost(weight: "1")', 'a: Int @cost(weight: "2")', "dangerous"),
        ('a: Int @cost(weight: "2")', 'a: Int @cost(weight: "1")', "safe"),
        ('a: Int @cost(weight: "1")', "a: Int", "safe"),  # a value costs nothing by itself
        ("a: Int", 'a: Int @cost(weight: "1")', "dangerous"),
        ("a: Int", 'a: Int @cost(weight: "0")', None),
        ('a: Query @cost(weight: "0")', "a: Query", "dangerous"),  # an object costs 1
        ("a: [Int] @listSize(assumedSize: 5)", "a: [Int] @listSize(assumedSize: 6)", "dangerous"),
        ("a: [Int] @listSize(assumedSize: 6)", "a: [Int] @listSize(assumedSize: 5)", "safe"),
        ("a: [Int]", "a: [Int] @listSize(assumedSize: 5)", "dangerous"),
        ("a: [Int] @listSize(assumedSize: 5)", "a: [Int]", "safe"),
    ],
)
def test_what_costs_more_is_dangerous_and_what_costs_less_is_safe(old: str, new: str, severity: str | None) -> None:
    changes = found(f"{COST}{SIZE}type Query {{ {old} }}", f"{COST}{SIZE}type Query {{ {new} }}")
    assert changes == ([(severity, changes[0][1], "Query.a")] if severity else [])


def deprecated(field: str, reason: str) -> str:
    return f'a: Int {field} @deprecated(reason: "{reason}")'


@pytest.mark.parametrize(
    ("reason", "severity", "code"),
    [
        (f"Removal after {TODAY - timedelta(days=1)}.", "dangerous", "FIELD_REMOVED"),
        (f"Removal after {DAY}.", "breaking", "REMOVED_BEFORE_ITS_DAY"),  # it works through that day
        ("Removal after 2099-01-01.", "breaking", "REMOVED_BEFORE_ITS_DAY"),
        ("Use `a`.", "breaking", "FIELD_REMOVED"),
        ("Removal after 2026-02-30.", "breaking", "FIELD_REMOVED"),  # no day at all
    ],
)
def test_deprecated_field_may_go_when_its_day_is_over(reason: str, severity: str, code: str) -> None:
    assert of_query(deprecated("b: Int", reason), "a: Int") == [(severity, code, "Query.b")]


def test_argument_and_enum_value_may_go_when_their_day_is_over() -> None:
    reason = '@deprecated(reason: "Removal after 2020-01-01.")'
    old = f"enum E {{ A B {reason} }} input I {{ a: Int b: Int {reason} }} type Query {{ e(i: I, x: Int {reason}): E }}"
    new = "enum E { A } input I { a: Int } type Query { e(i: I): E }"
    assert found(old, new) == [
        ("dangerous", "VALUE_REMOVED_FROM_ENUM", "E.B"),
        ("dangerous", "FIELD_REMOVED", "I.b"),
        ("dangerous", "ARG_REMOVED", "Query.e(x:)"),
    ]


def test_type_goes_with_the_deprecated_ways_to_it_and_not_where_another_way_led_to_it() -> None:
    types = "type L { of: LEdge } type LEdge { node: L more: M } type M { x: Int }"
    old = f'{types} type Query {{ a: Int old: L @deprecated(reason: "Removal after 2020-01-01.") }}'
    assert found(old, "type Query { a: Int }") == [
        ("dangerous", "TYPE_REMOVED", name) for name in ("L", "LEdge", "M")
    ] + [("dangerous", "FIELD_REMOVED", "Query.old")]
    also = old.replace("a: Int old", "a: Int m: M old")
    breaking = {where for severity, _, where in found(also, "type Query { a: Int }") if severity == "breaking"}
    assert breaking == {"M", "Query.m"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a: Int b: Int", deprecated("b: Int", "Use `a`. Removal after 2099-01-01."), ("safe", "DEPRECATED")),
        ("a: Int b: Int", deprecated("b: Int", "Use `a`."), ("dangerous", "DEPRECATED_WITHOUT_DATE")),
        (deprecated("b: Int", "No."), "a: Int b: Int", ("safe", "DEPRECATION_REMOVED")),
        (
            deprecated("b: Int", "Removal after 2099-01-02."),
            deprecated("b: Int", "Removal after 2099-01-01."),
            ("dangerous", "DEPRECATION_DATE_EARLIER"),
        ),
        (
            deprecated("b: Int", "Removal after 2099-01-01."),
            deprecated("b: Int", "Removal after 2099-01-02."),
            ("safe", "DEPRECATION_REASON_CHANGED"),
        ),
        (
            deprecated("b: Int", "Removal after 2099-01-01."),
            deprecated("b: Int", "Never mind."),
            ("dangerous", "DEPRECATION_DATE_EARLIER"),
        ),
    ],
)
def test_deprecation_that_comes_goes_or_changes(old: str, new: str, expected: tuple[str, str]) -> None:
    assert of_query(old, new) == [(*expected, "Query.b")]


def test_removal_date_is_the_day_that_the_reason_names() -> None:
    assert removal_date("Use `x`. Removal after 2027-06-01.") == date(2027, 6, 1)
    for reason in (None, "", "Removal after 2027-6-1.", "After 2027-06-01.", "Removal after 2027-13-01."):
        assert removal_date(reason) is None


def test_schema_by_introspection_says_nothing_of_applied_directives_and_none_are_compared() -> None:
    text = f'{COST}type Query {{ a: Int @cost(weight: "5") }}'
    asked = build_client_schema(introspection_from_schema(build_schema(text)))
    assert graphql_changes(asked, read_schema(text), TODAY) == []


@pytest.mark.parametrize("text", ["", "{", "type Query { a: Nope }", "type A { a: Int } type A { b: Int }"])
def test_text_that_is_no_schema_is_one_line(text: str) -> None:
    with pytest.raises(NotComparable) as raised:
        read_schema(text)
    assert str(raised.value).startswith("No GraphQL schema: ") and "\n" not in str(raised.value)


OF_EACH_FORM: list[tuple[SchemaChange, str, str]] = [
    (BreakingChange(BreakingChangeType.TYPE_REMOVED, "A was removed."), "A", ""),
    (BreakingChange(BreakingChangeType.TYPE_CHANGED_KIND, "A changed from an Enum type to a Union type."), "A", ""),
    (BreakingChange(BreakingChangeType.TYPE_REMOVED_FROM_UNION, "A was removed from union type U."), "A", "U"),
    (BreakingChange(BreakingChangeType.IMPLEMENTED_INTERFACE_REMOVED, "A no longer implements interface N."), "A", "N"),
    (BreakingChange(BreakingChangeType.FIELD_REMOVED, "Field A.b was removed."), "A.b", ""),
    (BreakingChange(BreakingChangeType.REQUIRED_ARG_ADDED, "A required argument A.b(c:) was added."), "A.b(c:)", ""),
    (BreakingChange(BreakingChangeType.DIRECTIVE_LOCATION_REMOVED, "FIELD was removed from @d."), "@d", ""),
    (BreakingChange(BreakingChangeType.DIRECTIVE_REPEATABLE_REMOVED, "Repeatable flag was removed from @d."), "@d", ""),
    (
        DangerousChange(
            DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE, "A.b(c:) has changed defaultValue from 1 to X.y."
        ),
        "A.b(c:)",
        "",
    ),
    (DangerousChange(DangerousChangeType.INPUT_FIELD_DEFAULT_VALUE_CHANGE, "A.b defaultValue was removed."), "A.b", ""),
    (
        DangerousChange(DangerousChangeType.IMPLEMENTED_INTERFACE_ADDED, "N added to interfaces implemented by A."),
        "A",
        "N",
    ),
    (SafeChange(SafeChangeType.DESCRIPTION_CHANGED, 'Description of @d(d) has changed to "x".'), "@d", ""),
    (SafeChange(SafeChangeType.DESCRIPTION_CHANGED, 'Description of A has changed to "B.c was removed.".'), "A", ""),
    (
        SafeChange(SafeChangeType.DESCRIPTION_CHANGED, 'Description of argument A.b(c) has changed to "x".'),
        "A.b(c:)",
        "",
    ),
    (SafeChange(SafeChangeType.OPTIONAL_DIRECTIVE_ARG_ADDED, "An optional argument @d(c:) was added."), "@d(c:)", ""),
]


@pytest.mark.parametrize(
    ("told", "where", "party"), OF_EACH_FORM, ids=[told.description for told, _, _ in OF_EACH_FORM]
)
def test_coordinate_is_read_from_the_words_of_graphql_core(told: SchemaChange, where: str, party: str) -> None:
    change = change_of(told)
    assert (change.where, change.party) == (where, party)


def test_words_of_another_form_are_no_place_that_is_guessed() -> None:
    with pytest.raises(ValueError, match="no known form"):
        change_of(BreakingChange(BreakingChangeType.FIELD_REMOVED, "Something else happened."))
