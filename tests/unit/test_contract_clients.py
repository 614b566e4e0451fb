"""Whom a change breaks: only operations that were seen count; each change names the clients that it breaks (R80)."""

from datetime import UTC, date, datetime

import pytest
from graphql import parse

from app.contract.change import Change
from app.contract.clients import Client, SeenOperation, judged_by_clients, unused_fields
from app.contract.graphql_changes import graphql_changes, read_schema
from app.contract.signature import signature

TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
SCHEMA = """
  directive @seen(by: Int) on FIELD
  interface Node { id: ID!  at(zone: Z): Int }
  type User implements Node { id: ID!  at(zone: Z): Int  name: String!  mail: String }
  type Robot implements Node { id: ID!  at(zone: Z): Int  serial: Int }
  union Who = User | Robot
  enum Z { UTC LOCAL }
  enum Color { RED BLUE }
  input Inner { color: Color  size: Int }
  input Filter { inner: Inner  text: String = "x"  limit: Int }
  scalar JSON
  type Query {
    node(id: ID!): Node
    who: Who
    user(filter: Filter, first: Int = 10): User
    free(json: JSON, jsons: [JSON]): Int
    old: Int @deprecated(reason: "Removal after 2020-01-01.")
    promised: Int @deprecated(reason: "Removal after 2099-01-01.")
  }
"""
WEB = Client("web", "1.2", 5, NOON)


def seen(*documents: str) -> list[SeenOperation]:
    return [SeenOperation(f"{number:064}", f"Op{number}", text, [WEB]) for number, text in enumerate(documents)]


def judged(old: str, new: str, *documents: str) -> list[Change]:
    """What becomes of the changes that replacing a piece of the schema makes."""
    assert SCHEMA.count(old) >= 1
    before, after = read_schema(SCHEMA), read_schema(SCHEMA.replace(old, new))
    return judged_by_clients(graphql_changes(before, after, TODAY), seen(*documents), before, after)


BREAKS: list[tuple[str, str, str, str]] = [  # what changes, into what, whom it breaks, whom it does not
    ("mail: String", "", "{ user { mail } }", "{ user { name } }"),
    ("name: String!", "name: String", "{ user { name } }", "{ user { mail } }"),
    ("serial: Int", "serial: String", "{ who { ... on Robot { serial } } }", "{ who { ... on User { name } } }"),
    ("serial: Int", "", "{ node(id: 1) { ... on Robot { serial } } }", "{ node(id: 1) { id } }"),
    ("at(zone: Z): Int", "at: Int", "{ node(id: 1) { at(zone: UTC) } }", "{ node(id: 1) { at } }"),
    ("| Robot", "", "{ who { ... on Robot { serial } } }", "{ user { name } }"),
    ("| Robot", "", "{ who { __typename } }", "{ node(id: 1) { ... on Robot { serial } } }"),
    ("Robot implements Node", "Robot", "{ node(id: 1) { ... on Robot { serial } } }", "{ who { __typename } }"),
    ("first: Int = 10", "", "{ user(first: 1) { name } }", "{ user { name } }"),
    ("first: Int = 10", "first: Int!", "{ user { name } }", "{ who { __typename } }"),
    ("LOCAL", "", "{ node(id: 1) { at(zone: LOCAL) } }", "{ node(id: 1) { at(zone: UTC) } }"),
    ("LOCAL", "", "query ($z: Z) { node(id: 1) { at(zone: $z) } }", "{ node(id: 1) { at } }"),
    ("BLUE", "", "query ($f: Filter) { user(filter: $f) { name } }", "query ($n: Int) { user(first: $n) { name } }"),
    ("BLUE", "", "query ($i: Inner) { user(filter: {inner: $i}) { name } }", "{ user(filter: {limit: 1}) { name } }"),
    (
        "size: Int",
        "size: String",
        "{ user(filter: {inner: {size: 1}}) { name } }",
        "{ user(filter: {limit: 1}) { name } }",
    ),
    (
        "size: Int",
        "",
        "query ($f: Filter) { user(filter: $f) { name } }",
        "{ user(filter: {inner: {color: RED}}) { name } }",
    ),
    (
        "size: Int",
        "size: Int!",
        "{ user(filter: {inner: {}}) { name } }",
        "{ user(filter: {inner: {size: 1}}) { name } }",
    ),
    ("limit: Int", "limit: Int  more: Int!", "{ user(filter: {}) { name } }", "{ user { name } }"),
    ("limit: Int", "limit: Int  more: Int!", "query ($f: Filter) { user(filter: $f) { name } }", "{ user { name } }"),
    ("on FIELD", "on FRAGMENT_SPREAD", "{ user @seen { name } }", "{ user { name } }"),
    ("@seen(by: Int)", "@seen", "{ user @seen(by: 1) { name } }", "{ user @seen { name } }"),
    ('old: Int @deprecated(reason: "Removal after 2020-01-01.")', "", "{ old }", "{ who { __typename } }"),
]


@pytest.mark.parametrize(("old", "new", "broken", "unhurt"), BREAKS)
def test_change_is_breaking_for_who_uses_it_and_safe_where_nobody_does(
    old: str, new: str, broken: str, unhurt: str
) -> None:
    named = {user for change in judged(old, new, unhurt, broken) for user in change.users}
    assert named == {"web 1.2 (Op1)"}
    assert "breaking" in {change.severity.label for change in judged(old, new, broken)}
    assert "breaking" not in {change.severity.label for change in judged(old, new, unhurt)}


def test_unused_deprecated_field_is_safe_to_remove_and_says_so() -> None:
    [change] = judged('old: Int @deprecated(reason: "Removal after 2020-01-01.")', "", "{ who { __typename } }")
    assert change.severity.label == "safe"
    assert change.why == ("It was deprecated, and its day, 2020-01-01, is over. No operation that was seen uses it.")


def test_unused_field_before_its_promised_day_fails_nothing_but_is_told() -> None:
    old = 'promised: Int @deprecated(reason: "Removal after 2099-01-01.")'
    [change] = judged(old, "", "{ who { __typename } }")
    assert (change.severity.label, change.code) == ("dangerous", "REMOVED_BEFORE_ITS_DAY")
    [change] = judged(old, "", "{ promised }")
    assert change.severity.label == "breaking"


def test_change_that_is_dangerous_by_itself_stays_so() -> None:
    [change] = judged("first: Int = 10", "first: Int = 20", "{ user { name } }")
    assert (change.severity.label, change.users) == ("dangerous", ())


def test_operation_that_the_old_schema_refuses_is_nobodys() -> None:
    assert {change.severity.label for change in judged("mail: String", "", "{ nope user { mail } }", "{")} == {"safe"}


def test_operation_that_is_refused_is_told_of_even_where_no_change_explains_it() -> None:
    before = read_schema("type Query { a: Int b: Int }")
    found = judged_by_clients([], seen("{ b }"), before, read_schema("type Query { a: Int }"))
    [change] = found
    assert (change.severity.label, change.code, change.where) == ("breaking", "OPERATION_REFUSED", "Op0")
    assert change.why.startswith("Cannot query field 'b' on type 'Query'.") and change.users == ("web 1.2 (Op0)",)


def test_many_clients_are_named_up_to_a_number() -> None:
    before, after = read_schema("type Query { a: Int b: Int }"), read_schema("type Query { a: Int }")
    clients = [Client(f"c{number:02}", "") for number in range(25)]
    operations = [SeenOperation("0" * 64, None, "{ b }", clients)]
    [change] = judged_by_clients(graphql_changes(before, after, TODAY), operations, before, after)
    assert len(change.users) == 21 and change.users[0] == f"c00 (anonymous {'0' * 12})"
    assert change.users[-1] == "and 5 more"


def test_unused_fields_are_those_that_no_operation_reaches() -> None:
    fields = {"User.name", "User.mail", "Robot.id", "User.id", "Node.id", "Robot.serial", "Query.node"}
    used = seen("{ node(id: 1) { id ... on User { ...N } } } fragment N on User { name }")
    assert unused_fields(used, read_schema(SCHEMA), fields) == ["Robot.serial", "User.mail"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{ node(id: "abc") { id } }', '{ node(id: "") { id } }'),
        ("{ node(id: 5) { id } } # who?", "{ node(id: 0) { id } }"),
        ('query Q($i: ID! = "abc") { node(id: $i) { id } }', 'query Q($i: ID! = "") { node(id: $i) { id } }'),
        ('{ user(filter: {text: "abc", limit: 7}) { name } }', '{ user(filter: { text: "", limit: 0 }) { name } }'),
        ("{ user(filter: {inner: {color: RED}}) { name } }", "{ user(filter: { inner: { color: RED } }) { name } }"),
        ("{ user(filter: null) { name @skip(if: true) } }", "{ user(filter: null) { name @skip(if: true) } }"),
        ('{ free(json: {secret: [1, "abc"]}) }', '{ free(json: "") }'),
        ("{ free(json: 1.5, jsons: [{secret: 1}, 2]) }", '{ free(json: 0.0, jsons: "") }'),
        ("query A { who { __typename } } query Q { old }", "query Q { old }"),
    ],
)
def test_signature_has_no_value_and_is_valid(text: str, kept: str) -> None:
    name = "Q" if "Q" in text else None
    found = signature(read_schema(SCHEMA), parse(text), name)
    assert " ".join(found.split()) == kept
    assert judged("mail: String", "mail: String", found) == []
