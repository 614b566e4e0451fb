"""A schema that leaves open what an operation costs is refused, with the field that does."""

import pytest

from app.engine.weights import FieldCost, read_costs
from app.resolvers.root import schema
from tests.unit.test_price import DIRECTIVES

PAGE = '@listSize(assumedSize: 20, slicingArguments: ["first", "last"], sizedFields: ["nodes"])'
FEATURES = "features(first: Int, last: Int): FeatureConnection!"
NO_PAGE = "it gives a page: it needs @listSize, with the `sizedFields` that all fields of FeatureConnection have"
NO_ASSUMED = "@listSize must say the `assumedSize` of a page where no number is given"


NOWHERE = "which is no argument of it, nor inside of one"
BY_NUMBER = "Query.top: @listSize slices by a number, so it must say which `sizedFields` show the rows"
LENGTH = "Query.top: it gives a list and takes one: say with @listSize that they are of one length"
INSIDE = 'top(input: Some): [Feature!]! @listSize(slicingArguments: ["input.ids"])'
SLICES = "Query.top: @listSize slices by `input.ids`"


def schema_with(query: str, mutation: str = "", count: str = '@cost(weight: "1")', more: str = "") -> str:
    return f"""{DIRECTIVES} {more}
      type Feature {{ id: ID! }}
      type FeatureConnection {{ nodes: [Feature!]! totalCount: Int! {count} }}
      type Query {{ viewer: Feature {query} }} {f"type Mutation {{ {mutation} }}" if mutation else ""}"""


def faults(text: str) -> list[str]:
    with pytest.raises(TypeError) as refused:
        read_costs(text)
    title, *lines = str(refused.value).splitlines()
    assert title == "The schema does not say what an operation costs:"
    return lines


def test_what_a_field_costs_is_read_from_its_directives() -> None:
    costs = read_costs(schema_with(f'{FEATURES} {PAGE} dear: ID @cost(weight: "12")', 'touch: ID @cost(weight: "10")'))
    assert costs.rows == {("FeatureConnection", "nodes")}
    assert costs.fields["Query", "features"] == FieldCost(1, 20, ("first", "last"), (), ("nodes",))
    assert costs.fields["Query", "viewer"] == FieldCost(1)
    assert costs.fields["Query", "dear"] == FieldCost(12)
    assert costs.fields["Feature", "id"] == FieldCost(0)
    assert costs.fields["Mutation", "touch"] == FieldCost(10)


def test_the_published_schema_says_what_every_field_costs() -> None:
    costs = read_costs(schema.as_str())
    paging = FieldCost(1, 20, ("first", "last"), (), ("edges", "nodes"))
    pages = {name for name, cost in costs.fields.items() if cost.sized}
    assert pages == {
        ("Query", "users"),
        ("Query", "features"),
        ("Query", "auditEntries"),
        ("User", "features"),
        ("User", "auditEntries"),
        ("User", "userAuditEntries"),
        ("Query", "securityEvents"),
        ("User", "apiTokens"),
        ("Feature", "auditEntries"),
        ("Mutation", "bulkUpdateFeatures"),
    }
    many = costs.fields["Mutation", "bulkUpdateFeatures"]
    assert many == FieldCost(5, lists=("input.items",), sized=("results", "userErrors"))
    assert all(costs.fields[name] == paging for name in pages if name[0] != "Mutation")
    assert costs.fields["Query", "nodes"] == FieldCost(1, lists=("ids",))
    assert costs.fields["FeatureEdge", "node"].weight == costs.fields["UserConnection", "pageInfo"].weight == 0
    assert costs.fields["AuditEntryConnection", "totalCount"].weight == 1
    assert {cost.weight for (type, _), cost in costs.fields.items() if type == "Mutation"} == {10, 5}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (schema_with("all: FeatureConnection"), [f"Query.all: {NO_PAGE}"]),
        (schema_with(FEATURES), [f"Query.features: {NO_PAGE}"]),
        (
            schema_with("top(first: Int): Feature"),
            [f"Query.top: {NO_PAGE.replace('FeatureConnection', 'Feature')}"],
        ),
        (
            schema_with(f'{FEATURES} @listSize(assumedSize: 20, slicingArguments: ["last"], sizedFields: ["nodes"])'),
            ["Query.features: @listSize must slice by `first` and `last`"],
        ),
        (
            schema_with(f'{FEATURES} @listSize(slicingArguments: ["first", "last"], sizedFields: ["nodes"])'),
            [f"Query.features: {NO_ASSUMED}"],
        ),
        (
            schema_with(f"{FEATURES} {PAGE.replace('nodes', 'totalCount')}"),
            ["Query.features: @listSize sizes `totalCount`, which is no list of FeatureConnection"],
        ),
        (
            schema_with('top(n: Int): [Feature!]! @listSize(slicingArguments: ["n", "m"])'),
            [
                f"Query.top: @listSize slices by `m`, {NOWHERE}",
                BY_NUMBER,
            ],
        ),
        (schema_with(INSIDE, more="input Some { ids: [ID!]! = [] }"), [f"{SLICES}, which must have no default"]),
        (schema_with(INSIDE, more="input Some { id: [ID!]! }"), [f"{SLICES}, {NOWHERE}", BY_NUMBER]),
        (
            schema_with(INSIDE.replace("Some", "[Some!]"), more="input Some { ids: [ID!]! }"),
            [f"{SLICES}, {NOWHERE}", BY_NUMBER, LENGTH],
        ),
        (schema_with(INSIDE.replace("Some", "ID"), more=""), [f"{SLICES}, {NOWHERE}", BY_NUMBER]),
        (
            schema_with("top(ids: [ID!]): [Feature!]!"),
            [LENGTH],
        ),
        (schema_with("", "touch: ID"), ["Mutation.touch: it writes: say with @cost what it weighs"]),
        (
            schema_with('a: ID @cost(weight: "1.5") b: ID @cost(weight: "-1")'),
            [f"Query.{name}: the weight of @cost must be a whole number of at most nine digits" for name in "ab"],
        ),
        (
            schema_with(f"{FEATURES} {PAGE}", count=""),
            ["FeatureConnection.totalCount: it is worked out for the page: say with @cost what it weighs"],
        ),
    ],
)
def test_a_field_that_leaves_it_open_is_named(text: str, found: list[str]) -> None:
    assert faults(text) == found


def test_fields_of_one_connection_type_size_the_same() -> None:
    other = PAGE.replace('["nodes"]', "[]")
    assert faults(schema_with(f"{FEATURES} {PAGE} all(first: Int, last: Int): FeatureConnection! {other}")) == [
        "Query.all: @listSize slices by a number, so it must say which `sizedFields` show the rows",
        f"Query.all: {NO_PAGE}",
    ]
