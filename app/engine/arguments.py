"""Variables and arguments: what is plainly right is converted here, all else is left to graphql-core and Strawberry.

A field's arguments are made once per plan where they hold no variable, else once per run, never once per parent.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from enum import Enum
from typing import Any, Protocol, Self, runtime_checkable

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    GraphQLSchema,
    ListValueNode,
    NonNullTypeNode,
    ObjectValueNode,
    VariableDefinitionNode,
    VariableNode,
    is_input_type,
    type_from_ast,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.unset import UnsetType

from app.engine.inputs import Convert, coercer, converter, has_default
from app.kernel.want import Want

NO_VARIABLES = VariableValues({}, {})
MAX_ERRORS = 50  # of one request's variables, as graphql-core has it
IMMUTABLE = (str, int, float, bool, type(None), Enum, UnsetType)

type Plain = tuple[str, str, bool, Convert]  # parameter, variable, may it be null or left out, conversion


@runtime_checkable
class Wanting(Hashable, Protocol):
    """A batch's request that can say what will be read."""

    def wanting(self, want: Want) -> Self: ...


class Variables:
    """The variables of one operation; with `suggestions`, errors guess what was meant."""

    def __init__(
        self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode], *, suggestions: bool = True
    ) -> None:
        self._schema, self._definitions, self._suggestions = schema, definitions, suggestions
        self._plain: list[tuple[str, Convert, bool]] | None = None

    def coerce(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """The coerced values, or the request errors that they are."""
        if not self._definitions:
            return NO_VARIABLES
        try:
            return VariableValues({}, self._coerced(given))
        except Exception:  # something is not plainly right: graphql-core knows whether it is wrong, and how
            return get_variable_values(
                self._schema,
                self._definitions,
                dict(given),
                max_errors=MAX_ERRORS,
                hide_suggestions=not self._suggestions,
            )

    def _coerced(self, given: Mapping[str, Any]) -> dict[str, Any]:
        if self._plain is None:
            self._plain = [self._conversion(definition) for definition in self._definitions]
        return {
            name: coerce(given[name]) for name, coerce, optional in self._plain if not (optional and name not in given)
        }

    def _conversion(self, definition: VariableDefinitionNode) -> tuple[str, Convert, bool]:
        """(name, conversion, may it be left out)."""
        type_ = type_from_ast(self._schema, definition.type)
        assert is_input_type(type_)
        optional = definition.default_value is None and not isinstance(definition.type, NonNullTypeNode)
        return definition.variable.name.value, coercer(type_), optional


class Arguments:
    """The arguments of one field; what an edge's function makes of them is told what will be read (`want`)."""

    def __init__(
        self, schema: GraphQLCoreConverter, definition: StrawberryField, field: GraphQLField, node: FieldNode
    ) -> None:
        self._schema, self._definition, self._field, self._node = schema, definition, field, node
        self.want: Want = None
        self._plain = _plain_arguments(schema, definition, field, node)
        self._constant = not _uses_variables(node)
        self._values: dict[str, Any] | None = None
        self._requests: list[Hashable] = []

    def request(self, variables: VariableValues, make: Callable[..., Hashable]) -> Hashable:
        """What an edge's function makes of the arguments; raises what graphql-core or the function would raise."""
        if self._requests:
            return self._requests[0]
        made = make(**self.values(variables))
        if self.want is not None and isinstance(made, Wanting):
            made = made.wanting(self.want)
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
            scalar_registry=self._schema.scalar_registry,
            config=self._schema.config,
        )
        if self._constant and all(map(_may_be_shared, values.values())):
            self._values = values.copy()
        return values


def _plain_arguments(
    schema: GraphQLCoreConverter, definition: StrawberryField, field: GraphQLField, node: FieldNode
) -> list[Plain] | None:
    """None where some argument is no variable, or Strawberry must convert it."""
    parameters = {schema.config.name_converter.from_argument(argument): argument for argument in definition.arguments}
    found = []
    for argument in node.arguments or ():
        name, declared = argument.name.value, field.args[argument.name.value]
        convert = converter(parameters[name].type, schema)
        if not isinstance(argument.value, VariableNode) or convert is None:
            return None
        optional = not isinstance(declared.type, GraphQLNonNull) and not has_default(declared)
        found.append((parameters[name].python_name, argument.value.name.value, optional, convert))
    return found


def _taken(plain: Sequence[Plain], coerced: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments; None where graphql-core must say what becomes of one that is null or left out."""
    values = {}
    for parameter, variable, optional, convert in plain:
        value = coerced.get(variable)
        if value is not None or (optional and variable in coerced):
            values[parameter] = convert(value)
        elif not optional:
            return None
    return values


def _may_be_shared(value: object) -> bool:
    """May it be handed out again and again? Input objects may, as nobody changes them; lists and JSON may not."""
    if isinstance(value, IMMUTABLE):
        return True
    return get_object_definition(value) is not None and all(map(_may_be_shared, vars(value).values()))


def _uses_variables(node: FieldNode) -> bool:
    values = [argument.value for argument in node.arguments or ()]
    while values:
        value = values.pop()
        if isinstance(value, VariableNode):
            return True
        if isinstance(value, ListValueNode):
            values += value.values
        elif isinstance(value, ObjectValueNode):
            values += [field.value for field in value.fields]
    return False
