"""Which nulls an error moves up to: through all positions that may not be null (GraphQL §6.4.4)."""

from collections.abc import Callable
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    visit,
)

type Path = tuple[Any, ...]


def climbing(schema: GraphQLSchema, document: DocumentNode, root: GraphQLObjectType) -> Callable[[Path, Path], bool]:
    """(path of an error, path of a null above it) -> does the error make this very null, as the types are?"""
    fields = _fields(schema, document)

    def climbs(path: Path, null: Path) -> bool:
        return all(not nullable for nullable in _nullable(schema, fields, root, path)[len(null) :])

    return climbs


def _fields(schema: GraphQLSchema, document: DocumentNode) -> dict[tuple[str, str], GraphQLOutputType]:
    """Types by (the parent's type, response key)."""
    info = TypeInfo(schema)
    found: dict[tuple[str, str], GraphQLOutputType] = {}

    class Find(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            parent, type_ = info.get_parent_type(), info.get_type()
            if parent and type_:
                found[parent.name, (node.alias or node.name).value] = type_

    visit(document, TypeInfoVisitor(info, Find()))
    return found


def _nullable(
    schema: GraphQLSchema, fields: dict[tuple[str, str], GraphQLOutputType], root: GraphQLObjectType, path: Path
) -> list[bool]:
    """Of each position on the path."""
    parents: list[str] = [root.name]
    type_: GraphQLOutputType = root
    nullable = []
    for key in path:
        if isinstance(key, int):
            listed = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
            assert isinstance(listed, GraphQLList)
            type_ = listed.of_type
        else:
            type_ = next(fields[parent, key] for parent in parents if (parent, key) in fields)
        parents = _kin(schema, type_)
        nullable.append(not isinstance(type_, GraphQLNonNull))
    return nullable


def _kin(schema: GraphQLSchema, type_: GraphQLOutputType) -> list[str]:
    """The types that an object there may be selected as."""
    named = get_named_type(type_)
    if isinstance(named, GraphQLInterfaceType):
        return [named.name, *(possible.name for possible in schema.get_possible_types(named))]
    interfaces = named.interfaces if isinstance(named, GraphQLObjectType) else ()
    return [named.name, *(interface.name for interface in interfaces)]
