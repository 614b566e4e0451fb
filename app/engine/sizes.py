"""How many objects a field may give, as its slicing arguments say: a function of the operation's variables."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableNode,
)

from app.engine.steps import Bounds, Variables
from app.engine.weights import FieldCost
from app.kernel.page import MAX_PAGE

LONGEST_INT = 20  # characters; Python refuses to read thousands of digits, and GraphQL's Int has at most 11
ONE = Bounds()

type Read = Callable[[Variables], object]  # an argument's value; None where it is absent or null


def one(variables: Variables) -> Bounds:
    return ONE


class Sizes:
    """Of the fields of one operation; `vary` where a variable decides."""

    def __init__(self, operation: OperationDefinitionNode) -> None:
        self.vary = False
        self._defaults = {
            declared.variable.name.value: _literal(declared.default_value)
            for declared in operation.variable_definitions or ()
            if declared.default_value
        }

    def bounds(self, node: FieldNode, declared: GraphQLField, cost: FieldCost) -> Callable[[Variables], Bounds]:
        """A page is as `kernel.page` cuts it: the first number that is given is read, the least of them is shown. One
        that a list slices is an object for each item, with one row to show."""
        if not cost.lists and not cost.sized:
            return one
        lists = [self._read(node, path, declared) for path in cost.lists]
        if not cost.sized or not cost.numbers:
            return lambda variables: Bounds(_longest(lists, variables), shown=1)
        numbers = [self._read(node, path, declared) for path in cost.numbers]

        def bounds(variables: Variables) -> Bounds:
            given = [size for read in numbers if (size := _size(read(variables))) is not None] or [cost.assumed]
            return Bounds(_longest(lists, variables), given[0], min(given))

        return bounds

    def _read(self, node: FieldNode, path: str, declared: GraphQLField) -> Read:
        name, *inside = path.split(".")
        read = self._argument(node, name, declared.args[name])
        if not inside:
            return read
        self.vary = True  # a variable may stand anywhere inside
        return lambda variables: self._inside(read(variables), inside, variables)

    def _inside(self, given: object, names: Sequence[str], variables: Variables) -> object:
        """What the names lead to, in the text or in the value of a variable; None where there is nothing."""
        for name in names:
            if isinstance(given, ObjectValueNode):
                found = next((field.value for field in given.fields if field.name.value == name), None)
                if isinstance(found, VariableNode):
                    variable = found.name.value
                    given = variables.get(variable, self._defaults.get(variable))
                else:
                    given = None if found is None else _literal(found)
            else:
                given = given.get(name) if isinstance(given, Mapping) else None
        return given

    def _argument(self, node: FieldNode, name: str, declared: GraphQLArgument) -> Read:
        given = next((argument.value for argument in node.arguments or () if argument.name.value == name), None)
        default = _default(declared)
        if isinstance(given, VariableNode):
            self.vary = True
            variable = given.name.value
            if_missing = self._defaults.get(variable, default)
            return lambda variables: variables.get(variable, if_missing)
        fixed = default if given is None else _literal(given)
        return lambda variables: fixed


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
