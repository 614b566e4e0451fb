"""What each path of an operation costs, by name; together with the operation's own point, the price."""

from itertools import islice

import pytest
from graphql import parse

from app.engine.price import MAX_PRICE, Price
from app.resolvers.root import core, costs
from tests.fixtures.operations import Operations
from tests.unit.test_price import COSTS, SCHEMA, parts


def price_of(text: str) -> Price:
    return Price(SCHEMA, COSTS, *parts(parse(text)))


def by_path(text: str, **variables: object) -> dict[str, int]:
    """Checked against the price."""
    price = price_of(text)
    found = price.breakdown(variables)
    assert 1 + sum(path.cost for path in found) == price.of(variables)
    assert [path.cost for path in found] == sorted((path.cost for path in found), reverse=True)
    assert len({path.path for path in found}) == len(found)
    return {path.path: path.cost for path in found}


def test_the_paths_of_any_operation_make_its_price() -> None:
    operations = Operations(core, 2, {"User": ["a", "b"], "Feature": ["c"], "AuditEntry": ["d"]})
    for asked in islice(operations, 300):
        price = Price(core, costs, *parts(parse(asked.query)))
        found = price.breakdown(asked.variables)
        assert 1 + sum(path.cost for path in found) == price.of(asked.variables), asked


def test_pages_multiply_what_is_below_them() -> None:
    text = "{ features(first: 50) { nodes { name auditEntries(first: 5) { nodes { actor { name } } } } } }"
    assert by_path(text) == {
        "features": 1 + 50,
        "features.nodes.auditEntries": 50 * (1 + 5),
        "features.nodes.auditEntries.nodes.actor": 50 * 5,
    }


def test_rows_are_paid_for_by_the_page_and_what_is_below_them_by_as_many_as_are_shown() -> None:
    text = "{ features(first: 9, last: 4) { edges { cursor node { owner { id } } } totalCount } }"
    assert by_path(text) == {"features": 1 + 9, "features.edges.node.owner": 4, "features.totalCount": 1}


def test_paths_are_those_of_the_answer_and_equal_ones_are_added_up() -> None:
    text = "{ me: viewer { id } me: viewer { ...F } ... { me: viewer { name } } } fragment F on User"
    assert by_path(text + " { features { nodes { id } } }") == {"me": 3, "me.features": 21}


def test_a_fragment_counts_wherever_it_is_spread() -> None:
    text = "{ a: features(first: 2) { ...P } b: features(first: 3) { ...P } } fragment P on FeatureConnection"
    found = by_path(text + " { nodes { ...R } } fragment R on Feature { owner { id } }")
    assert found == {"a": 3, "a.nodes.owner": 2, "b": 4, "b.nodes.owner": 3}


def test_lists_mutations_and_introspection_have_their_place() -> None:
    assert by_path('{ nodes(ids: ["a", "b"]) { ... on Feature { owner { id } } } }') == {"nodes": 2, "nodes.owner": 2}
    assert by_path("mutation { a: rename { feature { id } } touch }") == {"a": 10, "a.feature": 1, "touch": 10}
    assert by_path("{ s: __schema { types { name } } viewer { id } }") == {"s": 1, "viewer": 1}
    assert by_path("{ __typename }") == {}


def test_variables_count_with_their_values() -> None:
    text = "query ($n: Int) { features(first: $n) { nodes { owner { id } } } }"
    assert by_path(text, n=7) == {"features": 8, "features.nodes.owner": 7}
    assert by_path(text) == {"features": 21, "features.nodes.owner": 20}


def test_no_path_costs_more_than_the_greatest_price() -> None:
    level = "owner { features(first: 100) { nodes { "
    text = "{ features(first: 100) { nodes { " + level * 10 + "id" + " } } }" * 10 + " } } }"
    assert max(path.cost for path in price_of(text).breakdown({})) == MAX_PRICE


@pytest.mark.parametrize("size", [10, 500])
def test_a_chain_of_fragments_is_not_walked_at_every_field(size: int) -> None:
    chain = " ".join(f"fragment F{n} on User {{ ...F{n + 1} }}" for n in range(size))
    last = f"fragment F{size} on User {{ features {{ totalCount }} }}"
    many = " ".join(f"a{n}: viewer {{ ...F0 }}" for n in range(size))
    assert len(by_path(f"{{ {many} }} {chain} {last}")) == 3 * size
