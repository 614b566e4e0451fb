"""The price of an operation: exact for each rule, an upper bound for what it loads, and linear to work out."""

from collections.abc import Mapping

import pytest
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    build_schema,
    get_introspection_query,
    parse,
    validate,
)
from hypothesis import given
from hypothesis import strategies as st

from app.engine.price import MAX_PRICE, Price
from app.engine.weights import Costs, FieldCost, read_costs
from tests.fixtures.examples import examples

LIST_SIZE = """directive @listSize(
  assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true
) on FIELD_DEFINITION
"""
DIRECTIVES = f"directive @cost(weight: String!) on FIELD_DEFINITION {LIST_SIZE}"
PAGE = '@listSize(assumedSize: 20, slicingArguments: ["first", "last"], sizedFields: ["edges", "nodes"])'
FIRST = '@listSize(assumedSize: 20, slicingArguments: ["first"], sizedFields: ["edges", "nodes"])'
TEXT = (
    """
  interface Node { id: ID! }
  union Found = Feature | User
  type User implements Node { id: ID!  name: String!  features(first: Int, last: Int): FeatureConnection! PAGE }
  type Change { field: String! }
  type AuditEntry implements Node { id: ID!  actor: User  changes: [Change!]! }
  type Feature implements Node {
    id: ID!  name: String!  tags: [String!]!  owner: User!
    auditEntries(first: Int, last: Int): AuditEntryConnection!
      @listSize(assumedSize: 20, slicingArguments: ["first", "last"], sizedFields: ["nodes"])
  }
  type PageInfo { hasNextPage: Boolean! }
  type FeatureConnection {
    edges: [FeatureEdge!]!  nodes: [Feature!]!
    pageInfo: PageInfo! @cost(weight: "0")  totalCount: Int! @cost(weight: "1")
  }
  type FeatureEdge { cursor: String!  node: Feature! @cost(weight: "0") }
  type AuditEntryConnection { nodes: [AuditEntry!]! }
  type Query {
    viewer: User  node(id: ID!): Node  nodes(ids: [ID!]!): [Node]! @listSize(slicingArguments: ["ids"])  search: Found
    top(names: [String!] = ["a", "b"]): [Feature!]! @listSize(slicingArguments: ["names"])
    pages(owners: [ID!]!, first: Int): [FeatureConnection!]!
      @listSize(assumedSize: 20, slicingArguments: ["owners", "first"], sizedFields: ["edges", "nodes"])
    features(first: Int, last: Int, status: [String!]): FeatureConnection! PAGE
    short(first: Int = 7): FeatureConnection! FIRST
    dear: Feature @cost(weight: "5")  digest: String @cost(weight: "3")
  }
  type Payload { feature: Feature  count: Int }
  type Mutation {
    rename(name: String): Payload! @cost(weight: "10")  touch: Int! @cost(weight: "10")
    renameAll(ids: [ID!]!): [Payload!]! @cost(weight: "10") @listSize(slicingArguments: ["ids"])
    many(input: Many, more: Many = {deep: {items: [1, 2, 3]}}): Payloads! @cost(weight: "5")
      @listSize(slicingArguments: ["input.deep.items", "more.deep.items"], sizedFields: ["results", "errors"])
  }
  input Many { deep: Deep }
  input Deep { items: [Int] }
  type Payloads { results: [Payload!]!  errors: [Change!]!  id: ID @cost(weight: "0") }
  type Subscription { featureChanged: Payload! }
""".replace("PAGE", PAGE).replace("FIRST", FIRST)
    + DIRECTIVES
)
SCHEMA, COSTS = build_schema(TEXT), read_costs(TEXT)


def parts(document: DocumentNode) -> tuple[OperationDefinitionNode, dict[str, FragmentDefinitionNode]]:
    [operation] = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    return operation, {n.name.value: n for n in document.definitions if isinstance(n, FragmentDefinitionNode)}


def price_of(
    text: str, variables: Mapping[str, object] | None = None, schema: GraphQLSchema = SCHEMA, costs: Costs = COSTS
) -> int:
    """Of a document that is valid."""
    document = parse(text)
    assert validate(schema, document) == []
    return price(parse(text), variables or {}, schema, costs)


def price(
    document: DocumentNode, variables: Mapping[str, object], schema: GraphQLSchema = SCHEMA, costs: Costs = COSTS
) -> int:
    return Price(schema, costs, *parts(document)).of(variables)


def bomb(fragments: int) -> str:
    chain = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(fragments - 1)]
    return "\n".join(["{ ...F0 }", *chain, f"fragment F{fragments - 1} on Query {{ viewer {{ id }} }}"])


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("{ __typename }", 1),
        ("{ viewer { id name } }", 1 + 1),
        ('{ node(id: "x") { id ... on Feature { name tags owner { id } } } }', 1 + 2),
        ("{ search { ... on Feature { owner { id } } ... on User { features(first: 3) { totalCount } } } }", 1 + 2 + 5),
        ("{ features(first: 5) { nodes { id } } }", 1 + 1 + 5),
        ("{ features(first: 5) { edges { cursor node { id } } } }", 1 + 1 + 5),
        ("{ features(first: 5) { nodes { owner { id } } edges { node { owner { id } } } } }", 1 + 1 + 5 + 5 + 5),
        ("{ features(first: 5) { pageInfo { hasNextPage } } }", 1 + 1 + 5),
        ("{ features(first: 5) { nodes { id } totalCount } }", 1 + 1 + 5 + 1),
        ("{ features(first: 0) { totalCount } }", 1 + 1 + 0 + 1),
        ("{ features { nodes { id } } }", 1 + 1 + 20),
        ("{ features(first: null, last: null) { nodes { id } } }", 1 + 1 + 20),
        ("{ features(last: 6) { nodes { id } } }", 1 + 1 + 6),
        ("{ features(first: null, last: 6) { nodes { id } } }", 1 + 1 + 6),
        ("{ features(first: 101) { nodes { id } } }", 1 + 1 + 100),
        ("{ features(first: -1) { nodes { id } } }", 1 + 1),
        ("{ features(first: 9, last: 4) { nodes { owner { id } } } }", 1 + 1 + 9 + 4),
        ("{ features(first: 4, last: 9) { nodes { owner { id } } } }", 1 + 1 + 4 + 4),
        ('{ features(first: 5, status: ["A", "B"]) { nodes { id } } }', 1 + 1 + 5),
        ("{ short { nodes { id } } }", 1 + 1 + 7),
        ('{ nodes(ids: ["a", "b", "c"]) { id ... on Feature { owner { id } } } }', 1 + 3 * (1 + 1)),
        ("{ top { id } }", 1 + 2),
        ("{ dear { owner { id } } digest }", 1 + 5 + 1 + 3),
        ("{ top(names: null) { id } }", 1 + 1),
        ('{ pages(owners: ["a", "b"], first: 3) { nodes { owner { id } } } }', 1 + 2 * (1 + 3 * (1 + 1))),
        ('{ node(id: "x") { ... on AuditEntry { changes { field } } } }', 1 + 1 + 1),
        ("{ a: viewer { id } b: viewer { id } viewer @skip(if: true) { id } }", 1 + 3),
        ("mutation { rename { feature { id } } }", 1 + 10 + 1),
        ("mutation { a: touch b: rename { count } __typename }", 1 + 10 + 10),
        ('mutation { renameAll(ids: ["a", "b"]) { feature { id } } }', 1 + 2 * (10 + 1)),
        ("mutation { ...F } fragment F on Mutation { touch }", 1 + 10),
        ("mutation { many { id } }", 1 + 3 * 5),
        ("mutation { many(more: null) { id } }", 1 + 5),
        ("mutation { many(more: {}) { id } }", 1 + 5),
        ("mutation { many(more: {deep: null}) { id } }", 1 + 5),
        ("mutation { many(more: {deep: {items: []}}) { id } }", 1),
        ("mutation { many(more: {deep: {items: 7}}) { id } }", 1 + 5),
        ("mutation { many(input: {deep: {items: [1, 2, 3, 4]}}) { results { feature { id } } } }", 1 + 4 * (5 + 1)),
        ("mutation { many { results { feature { owner { id } } } errors { field } } }", 1 + 3 * (5 + 2)),
        ("subscription { featureChanged { feature { owner { id } } } }", 1 + 3),
        ("{ __schema { types { name fields { name } } } }", 1 + 1),
        ('{ __schema { queryType { name } } __type(name: "A") { fields { name } } viewer { id } }', 1 + 1 + 1),
    ],
)
def test_each_rule_has_its_price(text: str, points: int) -> None:
    assert price_of(text) == points


def test_nested_pages_multiply() -> None:
    text = "{ features(first: 50) { nodes { auditEntries(first: 5) { nodes { actor { name } } } } } }"
    entries = 1 + 5 * (1 + 1)  # their connection; five, each with its actor
    features = 1 + 50 * (1 + entries)  # their connection; fifty, each with its entries
    assert price_of(text) == 1 + features == 602


def test_a_price_stops_at_the_greatest() -> None:
    level = "owner { features(first: 100) { nodes { "
    text = "{ features(first: 100) { nodes { " + level * 10 + "id" + " } } }" * 10 + " } } }"
    assert price_of(text) == MAX_PRICE


@pytest.mark.parametrize(
    ("declared", "variables", "page"),
    [
        ("$n: Int", {"n": 5}, 5),
        ("$n: Int", {"n": 5.0}, 5),
        ("$n: Int", {"n": None}, 20),
        ("$n: Int", {}, 20),
        ("$n: Int", {"n": 1000}, 100),
        ("$n: Int", {"n": 10**400}, 100),
        ("$n: Int", {"n": -5}, 0),
        ("$n: Int", {"n": "many"}, 100),
        ("$n: Int", {"n": float("nan")}, 100),
        ("$n: Int = 8", {}, 8),
        ("$n: Int = 8", {"n": 5}, 5),
        ("$n: Int = 8", {"n": None}, 20),
        ("$n: Int = null", {}, 20),
    ],
)
def test_a_page_is_as_large_as_its_variable_says(declared: str, variables: dict[str, object], page: int) -> None:
    assert price_of(f"query ({declared}) {{ features(first: $n) {{ nodes {{ id }} }} }}", variables) == 1 + 1 + page


@pytest.mark.parametrize(
    ("ids", "points"),
    [(["a", "b", "c"], 1 + 3), (("a", "b"), 1 + 2), ("a", 1 + 1), ([], 1), (None, 1 + 1), (["a"] * 10_000, 1 + 10_000)],
)
def test_a_list_is_as_long_as_the_list_of_its_argument(ids: object, points: int) -> None:
    assert price_of("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids}) == points


@pytest.mark.parametrize(
    ("declared", "argument", "variables", "items"),
    [
        ("$m: Many", "$m", {"m": {"deep": {"items": [1, 2, 3, 4]}}}, 4),
        ("$m: Many", "$m", {"m": {"deep": {"items": 7}}}, 1),
        ("$m: Many", "$m", {"m": {"deep": None}}, 1),
        ("$m: Many", "$m", {"m": {}}, 1),
        ("$m: Many", "$m", {"m": "no object"}, 1),
        ("$m: Many", "$m", {"m": None}, 1),
        ("$m: Many = {deep: {items: [1, 2]}}", "$m", {}, 2),
        ("$m: Many = {deep: {items: [1, 2]}}", "$m", {"m": {"deep": {"items": [1, 2, 3]}}}, 3),
        ("$d: Deep", "{deep: $d}", {"d": {"items": [1, 2, 3, 4]}}, 4),
        ("$d: Deep = {items: [1, 2]}", "{deep: $d}", {}, 2),
        ("$i: [Int]", "{deep: {items: $i}}", {"i": [1] * 1000}, 1000),
        ("$i: [Int] = [1, 2]", "{deep: {items: $i}}", {}, 2),
        ("$i: [Int]", "{deep: {items: $i}}", {}, 1),
        ("$i: Int", "{deep: {items: [$i, $i, 3]}}", {"i": 1}, 3),
    ],
)
def test_a_list_inside_an_input_counts_wherever_its_variable_stands(
    declared: str, argument: str, variables: dict[str, object], items: int
) -> None:
    text = f"mutation({declared}) {{ many(input: {argument}, more: null) {{ results {{ feature {{ id }} }} }} }}"
    assert price_of(text, variables) == 1 + items * (5 + 1)


def test_a_variable_that_is_missing_leaves_its_argument_at_the_default_and_in_a_list_counts_one() -> None:
    assert price_of("query ($n: Int) { short(first: $n) { nodes { id } } }") == 1 + 1 + 7
    assert price_of("query ($a: ID!, $b: ID!) { nodes(ids: [$a, $b]) { id } }") == 1 + 2


def test_a_default_given_as_a_value_counts() -> None:
    page = GraphQLObjectType("AConnection", {"nodes": GraphQLField(GraphQLString)})
    costs = Costs({("Query", "a"): FieldCost(1, 20, ("first",), (), ("nodes",))}, frozenset({("AConnection", "nodes")}))
    argument = GraphQLArgument(GraphQLInt, default_value=3)
    query = GraphQLObjectType("Query", {"a": GraphQLField(page, {"first": argument})})
    assert price_of("{ a { nodes } }", schema=GraphQLSchema(query), costs=costs) == 1 + 1 + 3


def test_a_price_that_is_kept_answers_for_any_variables() -> None:
    document = parse("query ($n: Int, $ids: [ID!]!) { features(first: $n) { nodes { id } } nodes(ids: $ids) { id } }")
    kept = Price(SCHEMA, COSTS, *parts(document))
    assert kept.of({"n": 3, "ids": ["a"]}) == 1 + 1 + 3 + 1
    assert kept.of({"n": 4, "ids": ["a", "b"]}) == 1 + 1 + 4 + 2
    assert kept.of({"n": 3, "ids": ["a"]}) == 1 + 1 + 3 + 1


@pytest.mark.parametrize(
    "text",
    [
        "{ features(first: 5) { ...Page } } fragment Page on FeatureConnection { nodes { owner { id } } totalCount }",
        "{ features(first: 5) { totalCount edges { ...E } } } fragment E on FeatureEdge { node { owner { id } } }",
        "{ features(first: 5) { totalCount ... { nodes { ...Row } } } }"
        " fragment Row on Node { id ... on Feature { owner { id } } }",
    ],
)
def test_a_fragment_costs_what_it_would_in_place(text: str) -> None:
    assert price_of(text) == price_of("{ features(first: 5) { nodes { owner { id } } totalCount } }") == 13


def test_one_fragment_is_priced_by_the_page_that_spreads_it() -> None:
    text = "{ a: features(first: 2) { ...P } b: features(first: 3) { ...P } } fragment P on FeatureConnection"
    assert price_of(text + "{ nodes { owner { id } } }") == 1 + (1 + 2 * 2) + (1 + 3 * 2)


def test_a_fragment_bomb_is_priced_exactly_and_one_that_would_never_end_as_the_greatest_price() -> None:
    assert [price(parse(bomb(size)), {}) for size in (26, 1_000)] == [1 + 2**25, MAX_PRICE]


def test_the_standard_introspection_query_costs_two_points() -> None:
    assert price_of(get_introspection_query()) == 2


def test_a_chain_of_fragments_longer_than_the_stack_is_priced() -> None:
    chain = " ".join(f"fragment F{n} on User {{ ...F{n + 1} }}" for n in range(5_000))
    last = "fragment F5000 on User { features(first: 1) { totalCount } }"
    assert price(parse("{ viewer { ...F0 } }" + chain + last), {}) == 1 + 1 + 1 + 1 + 1


@pytest.mark.parametrize(
    "text",
    [
        "{ ...A } fragment A on Query { viewer { id } ...A }",
        "{ ...A } fragment A on Query { viewer { id } ...B } fragment B on Query { ...A ...A }",
        "{ viewer { id } ...Missing unknown unknown { id } viewer { id { id } } }",
        "{ viewer { id ...F } viewer { id } } fragment F on Nowhere { features { nodes { id } } }",
        "{ viewer { ... on Nowhere { features { nodes { id } } } } viewer }",
        "query ($a: Int) { features(first: $b) { nodes } viewer { id } nodes { id } }",
        "{ features(first: " + "9" * 5_000 + ") { nodes { id } } }",
        "mutation { unknown { id } }",
        "subscription { featureChanged }",
        '{ features(first: "5", last: {a: 1}) { nodes { id } } }',
    ],
)
def test_a_document_that_is_not_valid_raises_nothing(text: str) -> None:
    document, without_mutations = parse(text), "type Query { a: Int }"
    assert validate(SCHEMA, document)
    assert 1 <= price(document, {}) <= 200
    assert price(document, {}, build_schema(without_mutations), read_costs(without_mutations)) == 1


def loaded(first: int | None, last: int | None) -> tuple[int, int]:
    """(rows read, rows kept) of a page, where there are plenty (Relay Connections §4.4)."""
    from_start = first if first is not None else 20 if last is None else None
    rows = range(from_start) if from_start is not None else range(last or 0)
    return len(rows), len(rows if last is None else rows[max(len(rows) - last, 0) :])


SIZES = st.none() | st.integers(0, 100)


@examples(100)
@given(SIZES, SIZES, SIZES, SIZES)
def test_a_price_is_one_point_and_all_objects_of_full_pages(
    first: int | None, last: int | None, inner_first: int | None, inner_last: int | None
) -> None:
    text = """query ($a: Int, $b: Int, $c: Int, $d: Int) { features(first: $a, last: $b) { edges { node {
      owner { id } auditEntries(first: $c, last: $d) { nodes { actor { id } } } } } } }"""
    read, kept = loaded(first, last)
    inner_read, inner_kept = loaded(inner_first, inner_last)
    objects = sum([1, read, kept * 1, kept * 1, kept * inner_read, kept * inner_kept])
    variables = {"a": first, "b": last, "c": inner_first, "d": inner_last}
    assert price(parse(text), variables) == 1 + objects
