"""What an operation may cost, in points, known before it runs (R27): one point per object that it may load.

It goes by the rules that hold for every schema (Relay Connections, lists of keys), never by the name of a feature.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
)

from app.engine.limits import INTROSPECTION, Fragments, Selecting, below_of, bottom_up, selections_of
from app.kernel.page import DEFAULT_PAGE, MAX_PAGE
from app.kernel.value import value

MAX_PRICE = 10**9  # sums stop here
LONGEST_INT = 20  # characters; Python refuses to read thousands of digits, and GraphQL's Int has at most 11
CONNECTION, EDGE = "Connection", "Edge"  # how these types' names end (Relay Connections §2.1, §3.1)
MUTATION = 10  # points of a field of the mutation type; its payload is not counted again

type Variables = Mapping[str, object]
type Read = Callable[[Variables], object]  # an argument's value; None where it is absent or null


@value
class Bounds:
    """How many objects a field may give, how many rows of a page are read for each, and how many of them it keeps."""

    objects: int = 1
    read: int = 0
    kept: int = MAX_PAGE  # where rows are selected outside a connection: the most there can be


@dataclass(frozen=True, slots=True)
class Term:
    """A field that selects something: `objects * (own + read + flat + kept * per_row)` of the selection set `below`."""

    below: int
    own: int
    bounds: Callable[[Variables], Bounds]
    is_row: bool  # it is paid once for each row of the page


@dataclass(slots=True)
class Step:
    """One selection set: numbers of others are positions among the steps, always earlier ones."""

    leaves: int = 0
    spread: list[int] = field(default_factory=list)
    terms: list[Term] = field(default_factory=list)


def price(schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments, variables: Variables) -> int:
    """In points; see `Price`, which is to be kept where an operation is priced more than once."""
    return Price(schema, operation, fragments).of(variables)


class Price:
    """An operation's price as a function of its variables: made once per document, asked once per request.

    It is one point, and one for each object that may be loaded at most, MAX_PRICE in all:
    - A leaf is free; an object is 1; a list is as many as the longest list among the field's arguments, else 1.
    - A connection (a type whose name ends in Connection) is 1, 1 for every row of its page, shown or not, and 1 for
      `totalCount`. What is selected in `nodes`, or in `edges` and their `node`, is paid for every row that is kept.
      A page is as `kernel.page` cuts it: `first` rows are read, or else `last`; both given, the fewer are kept.
    - A field of the mutation type is 10 instead of 1; all of introspection is 1 altogether.

    It is an upper bound: @skip and @include are ignored, equal fields count each time that they are written, and every
    branch of an abstract type counts. It takes time linear in the document, fragments being priced once each, and
    raises nothing for a document that is not valid: what is unknown is free.
    """

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments) -> None:
        self._schema, self._fragments = schema, fragments
        self._defaults = {
            declared.variable.name.value: _literal(declared.default_value)
            for declared in operation.variable_definitions or ()
            if declared.default_value
        }
        self._introspects = self._varies = False
        nodes = list(bottom_up((operation,), fragments))
        numbers = {id(node): number for number, node in enumerate(nodes)}
        types = self._types_of(nodes)
        self._steps = [self._step(node, types.get(id(node)), numbers) for node in nodes]
        self._fixed = None if self._varies else self._sum({})

    def of(self, variables: Variables) -> int:
        """`variables` by name, coerced or as they came."""
        return self._sum(variables) if self._fixed is None else self._fixed

    def _sum(self, variables: Variables) -> int:
        flat: list[int] = []
        per_row: list[int] = []
        for step in self._steps:
            once, each = step.leaves, 0
            for number in step.spread:
                once += flat[number]
                each += per_row[number]
            for term in step.terms:
                bounds = term.bounds(variables)
                below = flat[term.below] + bounds.kept * per_row[term.below]
                amount = bounds.objects * (term.own + bounds.read + below)
                if term.is_row:
                    each += amount
                else:
                    once += amount
            flat.append(min(once, MAX_PRICE))
            per_row.append(min(each, MAX_PRICE))
        return min(1 + self._introspects + flat[-1] + MAX_PAGE * per_row[-1], MAX_PRICE)

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
                self._introspects = True
            elif parent and (declared := _field(parent, selection)):
                if number is None:
                    step.leaves += self._leaf(parent, selection)
                else:
                    step.terms.append(self._term(parent, selection, declared, number))
        return step

    def _leaf(self, parent: GraphQLNamedType, node: FieldNode) -> int:
        if parent is self._schema.mutation_type:
            return MUTATION
        return 1 if parent.name.endswith(CONNECTION) and node.name.value == "totalCount" else 0

    def _term(self, parent: GraphQLNamedType, node: FieldNode, declared: GraphQLField, below: int) -> Term:
        name = node.name.value
        is_row = parent.name.endswith(CONNECTION) and name in ("edges", "nodes")
        if is_row or name == "pageInfo" or (parent.name.endswith(EDGE) and name == "node"):
            return Term(below, 0, lambda variables: Bounds(), is_row)  # the connection itself has paid for its rows
        own = MUTATION if parent is self._schema.mutation_type else 1
        return Term(below, own, self._bounds(node, declared), False)

    def _bounds(self, node: FieldNode, declared: GraphQLField) -> Callable[[Variables], Bounds]:
        lists = [
            self._argument(node, name, argument)
            for name, argument in declared.args.items()
            if _is_list(declared.type) and _is_list(argument.type)
        ]
        if not get_named_type(declared.type).name.endswith(CONNECTION):
            return lambda variables: Bounds(_longest(lists, variables))
        first = self._argument(node, "first", declared.args.get("first"))
        last = self._argument(node, "last", declared.args.get("last"))

        def bounds(variables: Variables) -> Bounds:
            from_start, from_end = _size(first(variables)), _size(last(variables))
            if from_start is None:
                from_start, from_end = (DEFAULT_PAGE, None) if from_end is None else (from_end, None)
            kept = from_start if from_end is None else min(from_start, from_end)
            return Bounds(_longest(lists, variables), from_start, kept)

        return bounds

    def _argument(self, node: FieldNode, name: str, declared: GraphQLArgument | None) -> Read:
        given = next((argument.value for argument in node.arguments or () if argument.name.value == name), None)
        default = _default(declared) if declared else None
        if isinstance(given, VariableNode):
            self._varies = True
            variable = given.name.value
            if_missing = self._defaults.get(variable, default)
            return lambda variables: variables.get(variable, if_missing)
        fixed = default if given is None else _literal(given)
        return lambda variables: fixed


def _field(parent: GraphQLNamedType | None, node: FieldNode) -> GraphQLField | None:
    return parent.fields.get(node.name.value) if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) else None


def _is_list(type: GraphQLOutputType | GraphQLInputType) -> bool:
    return isinstance(get_nullable_type(type), GraphQLList)


def _default(argument: GraphQLArgument) -> object:
    if argument.default is None:
        return None if argument.default_value is Undefined else argument.default_value
    return _literal(argument.default.literal) if argument.default.literal else argument.default.value


def _literal(node: ValueNode) -> object:
    """An int, a sequence of as many things as the list has, None for null; the node itself for all else."""
    if isinstance(node, IntValueNode) and len(node.value) <= LONGEST_INT:
        return int(node.value)
    if isinstance(node, ListValueNode):
        return node.values
    return None if isinstance(node, NullValueNode) else node


def _size(given: object) -> int | None:
    """As a page has it, 0 to MAX_PAGE; execution refuses what is outside, and what is no number counts as MAX_PAGE."""
    if given is None:
        return None
    if isinstance(given, int) or (isinstance(given, float) and isfinite(given)):
        return int(min(max(given, 0), MAX_PAGE))
    return MAX_PAGE


def _longest(lists: Sequence[Read], variables: Variables) -> int:
    """A single value stands for a list of one (GraphQL §3.11); where no list is given, 1."""
    found = [given for read in lists if (given := read(variables)) is not None]
    return max((len(given) if isinstance(given, list | tuple) else 1 for given in found), default=1)
