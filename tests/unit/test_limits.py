"""Limits on a document's shape: exact at each bound, and linear work on what is made to be slow."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    InlineFragmentNode,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_introspection_query,
    parse,
)

from app.engine.limits import MAX_COUNT, Limits, bottom_up, check_limits

GENEROUS = Limits(depth=1000, aliases=1000, root_fields=1000, directives=1000, fields=1000)
FRAGMENTS = {
    "ThreeDeep": "fragment ThreeDeep on Q { a { ... { b { c } } } }",
    "Alias": "fragment Alias on Q { x: a }",
    "Two": "fragment Two on Q { a b }",
    "Directive": "fragment Directive on Q @w { b }",
}


class CountedSelections(tuple[Any, ...]):
    """Selections that count how often one of them is looked at."""

    looks = 0

    def __iter__(self) -> Iterator[Any]:
        for selection in super().__iter__():
            CountedSelections.looks += 1
            yield selection


def counted(document: DocumentNode) -> DocumentNode:
    """The same document; looks at its selections are counted from now on."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    roots = [n for n in document.definitions if isinstance(n, FragmentDefinitionNode | OperationDefinitionNode)]
    for node in list(bottom_up(roots, fragments)):
        assert node.selection_set
        object.__setattr__(node.selection_set, "selections", CountedSelections(node.selection_set.selections))
    CountedSelections.looks = 0
    return document


def found(text: str, limits: Limits) -> list[tuple[object, object]]:
    """(limit, found) of each error."""
    return facts(check_limits(parse(text), limits))


def used(text: str) -> str:
    """Those of FRAGMENTS that the text spreads."""
    return " ".join(fragment for name, fragment in FRAGMENTS.items() if f"...{name}" in text)


def facts(errors: list[GraphQLError]) -> list[tuple[object, object]]:
    assert all(error.extensions and error.extensions["code"] == "QUERY_TOO_COMPLEX" for error in errors)
    return [(error.extensions["limit"], error.extensions["found"]) for error in errors if error.extensions]


def bomb(fragments: int) -> str:
    """Each fragment spreads the next one twice: 2^(fragments - 1) times the last one, which has one field."""
    chain = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(fragments - 1)]
    return "\n".join(["{ ...F0 }", *chain, f"fragment F{fragments - 1} on Query {{ leaf }}"])


def nested(levels: int, *, inline: bool = False) -> DocumentNode:
    """Fields (or inline fragments around one field) in each other; the parser would recurse."""
    node: FieldNode | InlineFragmentNode = FieldNode(name=NameNode(value="a"))
    for _ in range(levels - 1):
        below = SelectionSetNode(selections=(node,))
        node = (
            InlineFragmentNode(selection_set=below)
            if inline
            else FieldNode(name=NameNode(value="a"), selection_set=below)
        )
    top = SelectionSetNode(selections=(node,))
    return DocumentNode(definitions=(OperationDefinitionNode(operation=OperationType.QUERY, selection_set=top),))


@pytest.mark.parametrize(
    ("limits", "at_the_bound", "one_over"),
    [
        (replace(GENEROUS, depth=3), "{ a { b { c } d } }", "{ a { b { c { d } } } }"),
        (replace(GENEROUS, depth=3), "{ ...ThreeDeep }", "{ a { ...ThreeDeep } }"),
        (replace(GENEROUS, aliases=3), "{ x: a y: b { z: c d } }", "{ x: a y: b { z: c w: d } }"),
        (replace(GENEROUS, aliases=2), "{ ...Alias ...Alias }", "{ ...Alias ...Alias b { ...Alias } }"),
        (replace(GENEROUS, root_fields=2), "{ a { c d e } b }", "{ a b c }"),
        (replace(GENEROUS, root_fields=3), "{ a ...Two }", "{ a ... { b } ...Two }"),
        (replace(GENEROUS, directives=2), "query @x { a @y b }", "query @x { a @y @z b }"),
        (
            replace(GENEROUS, directives=3),
            "query ($v: Int @x) { ... @y { a } b @z }",
            "query ($v: Int @x) { ... @y { a } ...Directive @z }",
        ),
        (replace(GENEROUS, fields=4), "{ a { b c } d }", "{ a { b c } d e }"),
        (replace(GENEROUS, fields=4), "{ ...Two ...Two }", "{ ...Two ...Two c }"),
    ],
)
def test_a_document_at_the_bound_passes_and_one_over_is_refused(
    limits: Limits, at_the_bound: str, one_over: str
) -> None:
    bound = min(limits.depth, limits.aliases, limits.root_fields, limits.directives, limits.fields)
    assert found(at_the_bound + used(at_the_bound), limits) == []
    assert found(one_over + used(one_over), limits) == [(bound, bound + 1)]


def test_the_defaults_are_the_published_limits() -> None:
    assert Limits() == Limits(depth=15, aliases=100, root_fields=20, directives=50, fields=2000)


def test_the_message_names_the_limit_what_was_found_and_the_next_step() -> None:
    [error] = check_limits(nested(31), Limits())
    assert error.message == "An operation may be at most 15 levels deep; this one has 31: split it."
    assert error.extensions == {"code": "QUERY_TOO_COMPLEX", "limit": 15, "found": 31}


def test_every_limit_that_is_passed_has_its_error_at_the_worst_operation() -> None:
    document = parse("query A { a }\nquery B { x: a { y: b } c d }\nquery C { x: a }")
    errors = check_limits(document, Limits(depth=1, aliases=0, root_fields=1, directives=0, fields=1))
    assert facts(errors) == [(1, 2), (0, 2), (1, 3), (1, 4)]
    assert errors[1].message == (
        "An operation may have at most 0 aliases, fragments counted wherever they are spread; this one has 2: split it."
    )
    assert [[location.line for location in error.locations or ()] for error in errors] == [[2], [2], [2], [2]]


def test_each_operation_is_measured_alone() -> None:
    assert found("query A { a b } query B { c d }", replace(GENEROUS, fields=2, root_fields=2)) == []


def test_a_fragment_bomb_is_refused_with_work_linear_in_the_document() -> None:
    document = counted(parse(bomb(26)))
    assert facts(check_limits(document, replace(GENEROUS, fields=2000))) == [(1000, 2**25), (2000, 2**25)]
    selections = 1 + 25 * 2 + 1
    assert CountedSelections.looks == 3 * selections  # which fragments are used, what is below what, the sum


def test_a_bomb_beyond_counting_is_reported_as_more_than_the_greatest_count() -> None:
    [error] = check_limits(parse(bomb(1000)), replace(GENEROUS, root_fields=MAX_COUNT))
    assert error.extensions == {"code": "QUERY_TOO_COMPLEX", "limit": 1000, "found": MAX_COUNT}
    assert "this one has more than 1000000000: " in error.message


def test_an_unused_bomb_is_refused_too() -> None:
    text = bomb(26).replace("{ ...F0 }", "{ leaf }", 1)
    assert found(text, Limits()) == [(2000, 2**25)]


def test_a_document_of_fragments_alone_is_measured_and_an_empty_one_passes() -> None:
    assert found("fragment F on Query { a { b } }", replace(GENEROUS, depth=1)) == [(1, 2)]
    assert check_limits(DocumentNode(definitions=()), Limits()) == []
    assert found("type Query { a: Int }", Limits()) == []


@pytest.mark.parametrize(
    "text",
    [
        "{ ...A } fragment A on Q { a ...A }",
        "{ ...A } fragment A on Q { a ...B } fragment B on Q { b ...A ...A }",
        "{ a } fragment A on Q { ...B ...B } fragment B on Q { ...A ...A }",
        "{ ...Missing a }",
        "{ ...A } fragment A on Q { a } fragment A on Q { b }",
    ],
)
def test_cycles_and_unknown_and_repeated_names_are_left_to_validation(text: str) -> None:
    document = counted(parse(text))
    assert check_limits(document, Limits()) == []
    assert CountedSelections.looks <= 3 * 6


@pytest.mark.parametrize("levels", [5_000, 10_000])
def test_a_document_nested_deeper_than_the_stack_is_refused(levels: int) -> None:
    assert facts(check_limits(nested(levels), Limits(fields=levels))) == [(15, levels)]


def test_inline_fragments_nested_deeper_than_the_stack_are_no_levels() -> None:
    assert check_limits(nested(10_000, inline=True), Limits()) == []


def test_a_chain_of_fragments_longer_than_the_stack_is_measured() -> None:
    chain = " ".join(f"fragment F{n} on Query {{ a {{ ...F{n + 1} }} }}" for n in range(5_000))
    text = f"{{ ...F0 }} {chain} fragment F5000 on Query {{ a }}"
    assert found(text, Limits(fields=10_000)) == [(15, 5_001)]


@pytest.mark.parametrize("depth", [1, 15])
def test_the_standard_introspection_query_passes_whatever_the_limit_on_depth(depth: int) -> None:
    query = get_introspection_query(
        specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
    )
    assert found(query, Limits(depth=depth)) == []
    assert found(get_introspection_query(type_depth=10), Limits(depth=depth)) == [(15, 16)]


def test_introspection_hides_no_depth() -> None:
    text = "{ a { __schema { " + "a { " * 14 + "__type { " + "a { " * 14 + "b" + " }" * 31 + " }"
    assert found(text, Limits()) == [(15, 32)]
