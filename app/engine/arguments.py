"""Variables and arguments: what is plainly right is taken as it is, all else is coerced by graphql-core and Strawberry.

A field's arguments are made once per plan where they hold no variable, else once per run, never once per parent.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    GraphQLSchema,
    NamedTypeNode,
    NonNullTypeNode,
    Undefined,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

NO_VARIABLES = VariableValues({}, {})
MAX_ERRORS = 50  # of one request's variables, as graphql-core has it
IMMUTABLE = (str, int, float, bool, type(None))  # values that may be handed out again and again

type Accepts = Callable[[Any], bool]
type Plain = tuple[str, str, bool]  # parameter, variable, may it be null or left out
PLAIN: Mapping[str, Accepts] = {  # JSON values that these types' coercion returns unchanged
    "String": lambda value: value.__class__ is str,
    "ID": lambda value: value.__class__ is str,
    "Boolean": lambda value: value.__class__ is bool,
    "Int": lambda value: value.__class__ is int and -(2**31) <= value < 2**31,
}


class Variables:
    """The variables of one operation."""

    def __init__(self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]) -> None:
        self._schema, self._definitions = schema, definitions
        self._plain = [_plain_variable(definition) for definition in definitions]

    def coerce(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """The coerced values, or the request errors that they are."""
        if not self._definitions:
            return NO_VARIABLES
        coerced: dict[str, Any] = {}
        for name, accepts, optional, nullable in self._plain:
            if name not in given:
                if optional:
                    continue
                break
            value = given[name]
            if not accepts(value) and not (value is None and nullable):
                break
            coerced[name] = value
        else:
            return VariableValues({}, coerced)
        return get_variable_values(self._schema, self._definitions, dict(given), max_errors=MAX_ERRORS)


class Arguments:
    """The arguments of one field."""

    def __init__(
        self, converter: GraphQLCoreConverter, definition: StrawberryField, field: GraphQLField, node: FieldNode
    ) -> None:
        self._converter, self._definition, self._field, self._node = converter, definition, field, node
        self._plain = _plain_arguments(converter, definition, field, node)
        self._constant = not _uses_variables(node)
        self._values: dict[str, Any] | None = None
        self._requests: list[Hashable] = []

    def request(self, variables: VariableValues, make: Callable[..., Hashable]) -> Hashable:
        """What an edge's function makes of the arguments; raises what graphql-core or the function would raise."""
        if self._requests:
            return self._requests[0]
        made = make(**self.values(variables))
        if self._constant:
            self._requests.append(made)
        return made

    def values(self, variables: VariableValues) -> dict[str, Any]:
        """The resolver's keyword arguments, in a dict of the caller's own."""
        if self._values is not None:
            return self._values.copy()
        if self._plain is not None:
            found = _taken(self._plain, variables.coerced)
            if found is not None:
                return found
        values = convert_arguments(
            get_argument_values(self._field, self._node, variables),
            self._definition.arguments,
            scalar_registry=self._converter.scalar_registry,
            config=self._converter.config,
        )
        if self._constant and all(isinstance(value, IMMUTABLE) for value in values.values()):
            self._values = values.copy()
        return values


def _plain_variable(definition: VariableDefinitionNode) -> tuple[str, Accepts, bool, bool]:
    """(name, what is taken as it is, may it be left out, may it be null)."""
    nullable = not isinstance(definition.type, NonNullTypeNode)
    named = definition.type.type if isinstance(definition.type, NonNullTypeNode) else definition.type
    accepts = PLAIN.get(named.name.value) if isinstance(named, NamedTypeNode) else None
    optional = nullable and definition.default_value is None
    return definition.variable.name.value, accepts or (lambda value: False), optional, nullable


def _plain_arguments(
    converter: GraphQLCoreConverter, definition: StrawberryField, field: GraphQLField, node: FieldNode
) -> list[Plain] | None:
    """None where some argument is no variable of a plain type."""
    parameters = {converter.config.name_converter.from_argument(a): a.python_name for a in definition.arguments}
    found = []
    for argument in node.arguments or ():
        name, declared = argument.name.value, field.args[argument.name.value]
        type_ = declared.type.of_type if isinstance(declared.type, GraphQLNonNull) else declared.type
        if not isinstance(argument.value, VariableNode) or str(type_) not in PLAIN:
            return None
        has_default = declared.default is not None or declared.default_value is not Undefined
        found.append((parameters[name], argument.value.name.value, type_ is declared.type and not has_default))
    return found


def _taken(plain: Sequence[Plain], coerced: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments; None where graphql-core must say what becomes of one that is null or left out."""
    values = {}
    for parameter, variable, optional in plain:
        value = coerced.get(variable)
        if value is not None or (optional and variable in coerced):
            values[parameter] = value
        elif not optional:
            return None
    return values


def _uses_variables(node: FieldNode) -> bool:
    found: list[VariableNode] = []

    class Find(Visitor):
        def enter_variable(self, variable: VariableNode, *_: object) -> None:
            found.append(variable)

    for argument in node.arguments or ():
        visit(argument, Find())
    return bool(found)
