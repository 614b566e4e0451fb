"""What an operation may cost, in points, known before it runs (R27): one point per object that it may load.

It goes by what the published schema says of each field (`engine.weights`), never by the name of a type or a field.
"""

from collections.abc import Mapping, Sequence

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    get_named_type,
)

from app.engine.breakdown import breakdown
from app.engine.limits import INTROSPECTION, Fragments, Selecting, below_of, bottom_up, selections_of
from app.engine.sizes import Sizes, one
from app.engine.steps import Step, Term, Variables
from app.engine.weights import Costs
from app.kernel.errors import PathCost
from app.kernel.page import MAX_PAGE

MAX_PRICE = 10**9  # sums stop here


class Price:
    """An operation's price as a function of its variables: made once per document, asked once per request.

    It is one point, and what its fields cost, MAX_PRICE in all:
    - A field costs its weight (@cost; 1 for objects, 0 for a leaf), for each object that it gives: as many as the
      longest list among its slicing arguments (@listSize), else 1.
    - A page (@listSize with `sizedFields`) costs 1 more for every row that is read, shown or not. The sized fields
      themselves are free, and what is selected in them is paid for every row that is shown.
    - All of introspection is 1 altogether.

    It is an upper bound: @skip and @include are ignored, equal fields count each time that they are written, and every
    branch of an abstract type counts. It takes time linear in the document, fragments being priced once each, and
    raises nothing for a document that is not valid: what is unknown is free.
    """

    def __init__(
        self, schema: GraphQLSchema, costs: Costs, operation: OperationDefinitionNode, fragments: Fragments
    ) -> None:
        self._schema, self._costs, self._fragments = schema, costs, fragments
        self._sizes = Sizes(operation)
        self._introspection: str | None = None  # its key in the answer, where there is any
        nodes = list(bottom_up((operation,), fragments))
        numbers = {id(node): number for number, node in enumerate(nodes)}
        types = self._types_of(nodes)
        self._steps = [self._step(node, types.get(id(node)), numbers) for node in nodes]
        self._fixed = None if self._sizes.vary else self._sum({})

    def of(self, variables: Variables) -> int:
        """`variables` by name, coerced or as they came."""
        return self._sum(variables) if self._fixed is None else self._fixed

    def breakdown(self, variables: Variables) -> list[PathCost]:
        """What each path adds, costliest first, those of nothing left out: with the operation's own point they make
        the price. It takes time linear in the fields of the operation, fragments counted wherever they are spread."""
        paths = breakdown(self._steps, variables, MAX_PRICE)
        introspection = [PathCost(self._introspection, 1)] if self._introspection else []
        return sorted([*paths, *introspection], key=lambda path: -path.cost)

    def _sum(self, variables: Variables) -> int:
        flat: list[int] = []
        per_row: list[int] = []
        for step in self._steps:
            once = each = 0
            for number in step.spread:
                once += flat[number]
                each += per_row[number]
            for term in step.terms:
                bounds = term.bounds(variables)
                below = 0 if term.below is None else flat[term.below] + bounds.shown * per_row[term.below]
                amount = bounds.objects * (term.weight + bounds.read + below)
                if term.is_row:
                    each += amount
                else:
                    once += amount
            flat.append(min(once, MAX_PRICE))
            per_row.append(min(each, MAX_PRICE))
        introspection = 1 if self._introspection else 0
        return min(1 + introspection + flat[-1] + MAX_PAGE * per_row[-1], MAX_PRICE)

    def _types_of(self, nodes: Sequence[Selecting]) -> dict[int, GraphQLNamedType | None]:
        """In what type each selects, by `id` of the node; introspection is left out."""
        types: dict[int, GraphQLNamedType | None] = {}
        for node in reversed(nodes):  # parents first
            if isinstance(node, OperationDefinitionNode):
                types[id(node)] = self._schema.get_root_type(node.operation)
            elif isinstance(node, FragmentDefinitionNode):
                types[id(node)] = self._schema.get_type(node.type_condition.name.value)
            parent = types.get(id(node))
            for selection in selections_of(node):
                if isinstance(selection, InlineFragmentNode):
                    condition = selection.type_condition
                    types[id(selection)] = self._schema.get_type(condition.name.value) if condition else parent
                elif isinstance(selection, FieldNode) and (declared := _field(parent, selection)):
                    types[id(selection)] = get_named_type(declared.type)
        return types

    def _step(self, node: Selecting, parent: GraphQLNamedType | None, numbers: Mapping[int, int]) -> Step:
        step = Step()
        for selection in selections_of(node):
            below = below_of(selection, self._fragments)
            number = numbers[id(below)] if below else None
            if number is not None and number >= numbers[id(node)]:  # a cycle of fragments
                continue
            if not isinstance(selection, FieldNode):
                if number is not None:
                    step.spread.append(number)
            elif selection.name.value in INTROSPECTION:
                self._introspection = self._introspection or _key(selection)
            elif parent and (term := self._term(parent, selection, number)):
                step.terms.append(term)
        return step

    def _term(self, parent: GraphQLNamedType, node: FieldNode, below: int | None) -> Term | None:
        """None for what is free with all below it: a leaf without a weight, and what is unknown."""
        declared, name = _field(parent, node), (parent.name, node.name.value)
        if declared is None:
            return None
        if name in self._costs.rows:
            return Term(_key(node), 0, one, True, below)
        cost = self._costs.fields.get(name)
        if cost is None or (below is None and not cost.weight):
            return None
        return Term(_key(node), cost.weight, self._sizes.bounds(node, declared, cost), False, below)


def _field(parent: GraphQLNamedType | None, node: FieldNode) -> GraphQLField | None:
    return parent.fields.get(node.name.value) if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) else None


def _key(node: FieldNode) -> str:
    return (node.alias or node.name).value
