"""Input values that are plainly right, converted by functions that are made once per type.

Two steps, as in graphql-core and Strawberry: JSON becomes the type's coerced value, and that the resolver's argument.
Whatever raises in the first step is left to graphql-core, which knows how to say what is wrong; for a type that the
second does not know there is no function, and Strawberry converts it.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    Undefined,
)
from strawberry.scalars import is_scalar
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.base import StrawberryList, StrawberryOptional, get_object_definition
from strawberry.types.enum import StrawberryEnumDefinition

type Convert = Callable[[Any], Any]

PLAIN: Mapping[str, Callable[[Any], bool]] = {  # JSON values that these types' coercion returns unchanged
    "String": lambda value: value.__class__ is str,
    "ID": lambda value: value.__class__ is str,
    "Boolean": lambda value: value.__class__ is bool,
    "Int": lambda value: value.__class__ is int and -(2**31) <= value < 2**31,
}


def coercer(type_: GraphQLInputType) -> Convert:
    """JSON -> the coerced value; raises any exception where graphql-core must be asked."""
    if isinstance(type_, GraphQLNonNull):
        return _coerced(type_.of_type)
    coerce = _coerced(type_)
    return lambda value: None if value is None else coerce(value)


def _coerced(type_: GraphQLInputType) -> Convert:
    """Of a value that is not null."""
    if isinstance(type_, GraphQLScalarType):
        return _checked(PLAIN.get(type_.name, _anything), type_)
    if isinstance(type_, GraphQLEnumType):
        return {name: type_.coerce_input_value(name) for name in type_.values}.__getitem__
    if isinstance(type_, GraphQLList):
        item = coercer(type_.of_type)
        return lambda value: [item(found) for found in _a(list, value)]
    assert isinstance(type_, GraphQLInputObjectType)
    return _coerced_object(type_)


def _anything(value: object) -> bool:
    """Of a scalar of our own: whether it is right, its coercion says."""
    return value is not None


def _checked(accepts: Callable[[Any], bool], type_: GraphQLScalarType) -> Convert:
    plain = type_.name in PLAIN

    def coerce(value: Any) -> Any:
        if not accepts(value):
            raise ValueError(value)
        return value if plain else type_.coerce_input_value(value)

    return coerce


def _coerced_object(type_: GraphQLInputObjectType) -> Convert:
    fields: dict[str, Convert] = {}  # filled when it is first asked for: input types may hold themselves
    needed: set[str] = set()

    def coerce(value: Any) -> dict[str, Any]:
        if not fields:
            for name, field in type_.fields.items():
                fields[name] = coercer(field.type)
                if isinstance(field.type, GraphQLNonNull) or has_default(field):
                    needed.add(name)
        given = _a(dict, value)
        if not needed <= given.keys() or (type_.is_one_of and (len(given) != 1 or None in given.values())):
            raise ValueError(value)
        return {name: fields[name](found) for name, found in given.items()}

    return coerce


def converter(type_: Any, schema: GraphQLCoreConverter) -> Convert | None:
    """The coerced value -> what the resolver takes, for Strawberry's `type_`; None where Strawberry must be asked."""
    if isinstance(type_, StrawberryOptional):
        inner = converter(type_.of_type, schema)
        return None if inner is None else lambda value: None if value is None else inner(value)
    if isinstance(type_, StrawberryList):
        item = converter(type_.of_type, schema)
        return None if item is None else lambda value: [item(found) for found in value]
    definition = get_object_definition(type_)
    if definition is None:
        is_leaf = isinstance(type_, StrawberryEnumDefinition) or is_scalar(type_, schema.scalar_registry)
        return (lambda value: value) if is_leaf else None
    if not definition.is_input or definition.from_input is not None:
        return None
    fields: dict[str, tuple[str, Convert]] = {}
    empty: dict[str, Any] = {}
    for field in definition.fields:
        convert = converter(field.resolve_type(type_definition=definition), schema)
        if convert is None:
            return None
        fields[schema.config.name_converter.from_field(field)] = field.python_name, convert
        if field.default_value is MISSING and field.default_factory is MISSING:
            empty[field.python_name] = None
    make: Callable[..., Any] = definition.origin

    def build(value: Mapping[str, Any]) -> Any:
        given = empty.copy()
        for name, found in value.items():
            python_name, convert = fields[name]
            given[python_name] = convert(found)
        return make(**given)

    return build


def has_default(declared: Any) -> bool:
    """Of an argument or an input field."""
    return declared.default is not None or declared.default_value is not Undefined


def _a[T](kind: type[T], value: object) -> T:
    if value.__class__ is not kind:
        raise ValueError(value)
    assert isinstance(value, kind)
    return value
