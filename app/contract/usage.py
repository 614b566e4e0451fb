"""What of a schema an operation uses, as far as its document tells: of its variables only the types are known."""

from dataclasses import dataclass, field

from graphql import (
    DirectiveNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    GraphQLSchema,
    NamedTypeNode,
    ObjectFieldNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableDefinitionNode,
    Visitor,
    get_named_type,
    is_abstract_type,
    visit,
)

from app.contract.coordinates import argument_of
from app.contract.reach import reached_by_variable


@dataclass(slots=True)
class Usage:
    """`coordinates`: fields, arguments, input fields, enum values and directives that are written out; `types`: what
    is named, or is the type of a selected field; `selected`: abstract types of selected fields; `written`: input types
    of literals; `open`: input types and enums that variables may hold, of which any part may be sent."""

    coordinates: set[str] = field(default_factory=set)
    types: set[str] = field(default_factory=set)
    selected: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)


def usage_of(schema: GraphQLSchema, document: DocumentNode) -> Usage:
    """The document is valid."""
    info, usage = TypeInfo(schema), Usage()
    visit(document, TypeInfoVisitor(info, _Collector(schema, info, usage)))
    usage.types |= usage.open | usage.written
    return usage


class _Collector(Visitor):
    def __init__(self, schema: GraphQLSchema, info: TypeInfo, usage: Usage) -> None:
        super().__init__()
        self._schema, self._info, self._usage = schema, info, usage
        self._directive: str | None = None

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent, type_ = self._info.get_parent_type(), self._info.get_type()
        if parent is None or type_ is None:
            return
        owners = [parent.name]
        if is_abstract_type(parent):  # what is asked of an interface, its types answer
            owners += [possible.name for possible in self._schema.get_possible_types(parent)]
        for owner in owners:
            coordinate = f"{owner}.{node.name.value}"
            self._usage.coordinates.add(coordinate)
            self._usage.coordinates |= {argument_of(coordinate, given.name.value) for given in node.arguments or ()}
        given_type = get_named_type(type_)
        self._usage.types |= {parent.name, given_type.name}
        if is_abstract_type(given_type):
            self._usage.selected.add(given_type.name)

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        coordinate = f"@{node.name.value}"
        self._usage.coordinates.add(coordinate)
        self._usage.coordinates |= {argument_of(coordinate, given.name.value) for given in node.arguments or ()}

    def enter_named_type(self, node: NamedTypeNode, *_: object) -> None:
        self._usage.types.add(node.name.value)

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: object) -> None:
        type_ = self._info.get_input_type()
        if type_ is not None:
            self._usage.open |= reached_by_variable(self._schema, get_named_type(type_).name)

    def enter_object_field(self, node: ObjectFieldNode, *_: object) -> None:
        parent = self._info.get_parent_input_type()
        if parent is not None:
            name = get_named_type(parent).name
            self._usage.coordinates.add(f"{name}.{node.name.value}")

    def enter_object_value(self, *_: object) -> None:
        type_ = self._info.get_input_type()
        if type_ is not None:
            self._usage.written.add(get_named_type(type_).name)

    def enter_enum_value(self, node: EnumValueNode, *_: object) -> None:
        type_ = self._info.get_input_type()
        if type_ is not None:
            self._usage.coordinates.add(f"{get_named_type(type_).name}.{node.value}")
