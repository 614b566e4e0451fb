"""Schema coordinates (GraphQL specification, September 2025, §3.14): what in a schema has one, and where it stands."""

from collections.abc import Mapping

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
)

type Element = GraphQLField | GraphQLInputField | GraphQLEnumValue | GraphQLArgument


def argument_of(owner: str, name: str) -> str:
    return f"{owner}({name}:)"


def parent_of(coordinate: str) -> str:
    """What it is a part of; a type and a directive are parts of nothing."""
    if coordinate.endswith(")"):
        return coordinate[: coordinate.index("(")]
    return coordinate.partition(".")[0] if "." in coordinate else ""


def own_types(schema: GraphQLSchema) -> Mapping[str, GraphQLNamedType]:
    """Without those of introspection."""
    return {name: type_ for name, type_ in schema.type_map.items() if not name.startswith("__")}


def elements(schema: GraphQLSchema) -> dict[str, Element]:
    """Fields, arguments, input fields and enum values: whatever may be deprecated."""
    found: dict[str, Element] = {}
    for name, type_ in own_types(schema).items():
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for field_name, field in type_.fields.items():
                found[f"{name}.{field_name}"] = field
                for argument_name, argument in field.args.items():
                    found[argument_of(f"{name}.{field_name}", argument_name)] = argument
        elif isinstance(type_, GraphQLInputObjectType):
            found |= {f"{name}.{field_name}": field for field_name, field in type_.fields.items()}
        elif isinstance(type_, GraphQLEnumType):
            found |= {f"{name}.{value_name}": value for value_name, value in type_.values.items()}
    for directive in schema.directives:
        for argument_name, argument in directive.args.items():
            found[argument_of(f"@{directive.name}", argument_name)] = argument
    return found


def line_of(schema: GraphQLSchema, coordinate: str) -> int:
    """Where it, or else what it was a part of, stands in the schema's own text; 1 where nothing is left of it."""
    known = elements(schema)
    while coordinate:
        found = (
            known.get(coordinate)
            or schema.type_map.get(coordinate)
            or schema.get_directive(coordinate.removeprefix("@"))
        )
        node = found.ast_node if found is not None else None
        if node is not None and node.name.loc is not None:
            return node.name.loc.source.get_location(node.name.loc.start).line
        coordinate = parent_of(coordinate)
    return 1
