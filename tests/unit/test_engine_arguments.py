"""Variables and arguments: plain ones are taken as they are, all others are what graphql-core makes of them."""

from typing import Any

import pytest
from graphql import FieldNode, GraphQLError, OperationDefinitionNode, parse
from graphql.execution.values import VariableValues
from strawberry import UNSET

from app.engine.arguments import Arguments, Variables
from app.engine.plan import BACKREF
from app.resolvers.root import core


def parsed(text: str) -> OperationDefinitionNode:
    (definition,) = parse(text).definitions
    assert isinstance(definition, OperationDefinitionNode)
    return definition


def coerced(heads: str, **given: Any) -> Any:
    variables = Variables(core, parsed(f"query({heads}) {{ __typename }}").variable_definitions or ())
    found = variables.coerce(given)
    return found.coerced if isinstance(found, VariableValues) else [error.message for error in found]


@pytest.mark.parametrize(
    ("heads", "given", "found"),
    [
        ("$a: Int!, $b: ID", {"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
        ("$a: Int, $b: String", {"a": None}, {"a": None}),
        ("$a: Int, $b: String", {"more": 1}, {}),
        ("$a: Int = 3", {}, {"a": 3}),
        ("$a: Int = 3", {"a": None}, {"a": None}),
        ("$a: Int", {"a": 3.0}, {"a": 3}),
        ("$a: ID", {"a": 7}, {"a": "7"}),
        ("$a: [ID!]", {"a": "x"}, {"a": ["x"]}),
        ("$a: Boolean!", {"a": False}, {"a": False}),
    ],
)
def test_variables_are_coerced(heads: str, given: dict[str, Any], found: dict[str, Any]) -> None:
    assert coerced(heads, **given) == found


@pytest.mark.parametrize("given", [{}, {"a": None}, {"a": "1"}, {"a": True}, {"a": 2**31}])
def test_a_wrong_variable_is_refused_as_graphql_core_does(given: dict[str, Any]) -> None:
    (message,) = coerced("$a: Int!", **given)
    assert message.startswith("Variable '$a'")


def arguments(text: str) -> Arguments:
    (node,) = parsed(text).selection_set.selections
    assert isinstance(node, FieldNode)
    assert core.query_type
    field = core.query_type.fields[node.name.value]
    return Arguments(core.extensions[BACKREF].schema_converter, field.extensions[BACKREF], field, node)


@pytest.mark.parametrize(
    ("text", "given", "found"),
    [
        ("query { features }", {}, {}),
        ('query { features(first: 3, after: "x") }', {}, {"first": 3, "after": "x"}),
        ("query($n: Int, $a: ID) { users(first: $n, after: $a) }", {"n": 3, "a": None}, {"first": 3, "after": None}),
        ("query($n: Int) { features(first: $n, last: 2) }", {}, {"last": 2}),
        ("query($d: Boolean) { rateLimit(dryRun: $d) }", {}, {"dry_run": False}),
        ("query($i: ID!) { feature(id: $i) }", {"i": "x"}, {"id": "x"}),
        ("query { nodes(ids: \"x\") }", {}, {"ids": ["x"]}),
    ],
)  # fmt: skip
def test_arguments_are_the_resolvers_keywords(text: str, given: dict[str, Any], found: dict[str, Any]) -> None:
    made = arguments(text)
    for _ in range(2):  # constants are remembered
        values = made.values(VariableValues({}, given))
        assert values == found
        values.clear()


def test_input_objects_are_the_schemas_own() -> None:
    order = "orderBy: {field: NAME, direction: ASC}"
    text = f"query($s: [FeatureStatus!]) {{ features(filter: {{status: $s, ownerId: null}}, {order}) }}"
    variables = parsed("query($s: [FeatureStatus!]) { x }").variable_definitions or ()
    given = Variables(core, variables).coerce({"s": ["ACTIVE"]})
    assert isinstance(given, VariableValues)
    values = arguments(text).values(given)

    assert [status.name for status in values["filter"].status] == ["ACTIVE"]
    assert values["filter"].owner_id is None
    assert values["filter"].search is UNSET
    assert values["order_by"].field.name == "NAME"


def test_a_null_for_what_must_not_be_null_is_refused() -> None:
    with pytest.raises(GraphQLError, match="non-null"):
        arguments("query($i: ID) { feature(id: $i) }").values(VariableValues({}, {"i": None}))


def test_an_edges_request_is_made_once_where_nothing_varies() -> None:
    made: list[dict[str, Any]] = []

    def make(**given: Any) -> str:
        made.append(given)
        return f"request {len(made)}"

    constant, varying = arguments("query { features(first: 3) }"), arguments("query($n: Int) { features(first: $n) }")
    given = VariableValues({}, {"n": 1})
    assert [constant.request(given, make), constant.request(given, make)] == ["request 1", "request 1"]
    assert [varying.request(given, make), varying.request(given, make)] == ["request 2", "request 3"]


INPUT = "mutation($i: CreateFeatureInput!) { createFeature(input: $i) }"


def input_of(given: object) -> Any:
    """What the resolver gets of a variable that is an input object."""
    operation = parsed(INPUT)
    found = Variables(core, operation.variable_definitions or ()).coerce({"i": given})
    if not isinstance(found, VariableValues):
        return [error.message for error in found]
    (node,) = operation.selection_set.selections
    assert isinstance(node, FieldNode)
    assert core.mutation_type
    field = core.mutation_type.fields["createFeature"]
    made = Arguments(core.extensions[BACKREF].schema_converter, field.extensions[BACKREF], field, node)
    return vars(made.values(found)["input"])


@pytest.mark.parametrize(
    "given",
    [
        {"name": "x"},
        {"description": None, "name": "x", "metadata": {"a": [1, None]}, "ownerId": "u", "clientMutationId": "c"},
        {"name": "x", "ownerId": 7},
        {"name": "x", "metadata": None},
    ],
)
def test_an_input_object_is_what_graphql_core_and_strawberry_make_of_it(given: dict[str, Any]) -> None:
    made = input_of(given)
    names = {"ownerId": "owner_id", "clientMutationId": "client_mutation_id"}
    expected = dict.fromkeys(["name", "description", "metadata", "owner_id", "client_mutation_id"], UNSET)
    for name, value in given.items():
        expected[names.get(name, name)] = "7" if value == 7 else value
    assert made == expected


@pytest.mark.parametrize("given", [{}, {"name": None}, {"name": 1}, {"name": "x", "more": 1}, [], None, "x"])
def test_a_wrong_input_object_is_refused_as_graphql_core_does(given: object) -> None:
    (message,) = input_of(given)
    assert message.startswith("Variable '$i'")
