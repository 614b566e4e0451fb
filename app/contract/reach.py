"""What in a schema is reached from where: types by what refers to them, input types by a variable's type."""

from collections.abc import Iterator, Set

from graphql import GraphQLEnumValue, GraphQLInputObjectType, GraphQLSchema, get_named_type

from app.contract.coordinates import elements, parent_of


def orphaned_by(schema: GraphQLSchema, removed: Set[str], types: Set[str]) -> frozenset[str]:
    """Of `types`, those to which nothing led but what is among `removed`, or other such types."""
    ways = {name: list(_ways_to(schema, name)) for name in types}
    orphans = frozenset(types)
    while True:
        left = frozenset(name for name in orphans if all(_goes(way, removed, orphans) for way in ways[name]))
        if left == orphans:
            return orphans
        orphans = left


def reached_by_variable(schema: GraphQLSchema, name: str) -> frozenset[str]:
    """The input types and enums of which a variable of that type may hold values, itself included."""
    found, waiting = {name}, [name]
    while waiting:
        type_ = schema.type_map.get(waiting.pop())
        if isinstance(type_, GraphQLInputObjectType):
            inner = {get_named_type(field.type).name for field in type_.fields.values()}
            waiting += inner - found
            found |= inner
    return frozenset(found)


def _ways_to(schema: GraphQLSchema, name: str) -> Iterator[str]:
    for where, element in elements(schema).items():
        if not isinstance(element, GraphQLEnumValue) and get_named_type(element.type).name == name:
            yield where


def _goes(way: str, removed: Set[str], orphans: Set[str]) -> bool:
    """Itself, the field whose argument it is, or the type whose field."""
    while way:
        if way in removed or way in orphans:
            return True
        way = parent_of(way)
    return False
