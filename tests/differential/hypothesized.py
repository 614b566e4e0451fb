"""Random operations of hypothesis-graphql: selections that we did not think of, with its own arguments or with ours.

It knows nothing of our rows, so its own arguments are refused mostly: an id is any text, a page has -6,872 rows.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    ValueNode,
    Visitor,
    parse,
    parse_value,
    print_ast,
    visit,
)
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider
from hypothesis_graphql import mutations, nodes, queries

from tests.differential.generate import Generator
from tests.differential.values import DOCUMENTS, TIMES, literal

ITS_OWN = 0.2  # how often arguments stay as hypothesis-graphql has made them
WIDE = 0.5  # how often any field of the root may be asked; else one, and what is below it

SCALARS: dict[str, st.SearchStrategy[ValueNode]] = {
    "DateTime": st.sampled_from(TIMES).map(nodes.String)
    | st.datetimes().map(lambda t: nodes.String(f"{t.isoformat()}Z")),
    "JSON": st.sampled_from(DOCUMENTS).map(lambda document: parse_value(literal(document))),
    "UUID": st.uuids().map(nodes.String),
}


class Alike(HypothesisProvider):
    """Draws none of the constants of whatever modules are loaded: a seed is the same operation everywhere."""

    def _maybe_draw_constant(self, *given: Any, **named: Any) -> None:
        return None


AVAILABLE_PROVIDERS["alike"] = Alike


def operation(generator: Generator) -> tuple[str, dict[str, Any]]:
    """(document, variables), of the generator's seed."""
    schema, dice = generator.schema, generator.dice
    mutates = generator.mutates()
    root = schema.mutation_type if mutates else schema.query_type
    assert root
    only = None if dice.random() < WIDE else dice.choice(list(root.fields))
    document = drawn(schema, mutates, only, dice.randrange(2**32))
    if dice.random() >= ITS_OWN:
        info = TypeInfo(schema)
        document = visit(document, TypeInfoVisitor(info, Fitting(generator, info)))
    [definition] = document.definitions
    assert isinstance(definition, OperationDefinitionNode)
    return generator.headed(print_ast(definition.selection_set), mutates)


class Fitting(Visitor):
    """Gives fields other arguments."""

    def __init__(self, generator: Generator, info: TypeInfo) -> None:
        super().__init__()
        self._generator, self._info = generator, info

    def enter_field(self, node: FieldNode, *_: object) -> FieldNode | None:
        field = self._info.get_field_def()
        if field is None or not field.args:
            return None
        document = parse(f"{{ x{self._generator.arguments(field)} }}")
        arguments = next(found.arguments for found in _fields(document))
        return replace(node, arguments=arguments)


def drawn(schema: GraphQLSchema, mutates: bool, only: str | None, number: int) -> DocumentNode:
    """What hypothesis-graphql makes first of the seed `number`, of any fields of the root or of one."""
    found: list[DocumentNode] = []

    @seed(number)
    @settings(
        max_examples=2,  # the first is always the least that there is
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        backend="alike",
    )
    @given(_documents(schema, mutates, only))
    def collect(document: DocumentNode) -> None:
        found.append(document)

    collect()
    return found[-1]


@cache
def _documents(schema: GraphQLSchema, mutates: bool, only: str | None) -> st.SearchStrategy[DocumentNode]:
    make = mutations if mutates else queries
    return make(schema, fields=None if only is None else [only], custom_scalars=SCALARS, print_ast=_itself)


def _itself(document: DocumentNode) -> DocumentNode:
    return document


def _fields(document: DocumentNode) -> Iterator[FieldNode]:
    for definition in document.definitions:
        assert isinstance(definition, OperationDefinitionNode)
        for field in definition.selection_set.selections:
            assert isinstance(field, FieldNode)
            yield field
