"""Plan building: a validated operation becomes selections, or Unsupported where it holds what the engine cannot do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from graphql import (
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetailsList,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from app.engine.arguments import Arguments
from app.engine.declare import Edge, declared, described, excerpted
from app.engine.excerpt import outline_of
from app.engine.leaf import Constant, Leaf, builder, is_leaf, unwrap
from app.engine.limits import Fragments
from app.engine.shape import Inner, Loaded, Selection, Slot, wanted
from app.kernel.want import Want, Wanted

BACKREF = GraphQLCoreConverter.DEFINITION_BACKREF


class Unsupported(Exception):
    """The operation holds what only graphql-core can run; it is run whole by graphql-core."""


@dataclass(frozen=True, slots=True)
class Call:
    """A root field: an ordinary resolver, called once, which may be told who asks by the argument `info`; `want` is
    what will be read of its value."""

    slot: Slot
    resolve: Callable[..., Any]
    info: str | None
    want: Want
    field: GraphQLField
    definition: StrawberryField
    parent_type: GraphQLObjectType
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Plan:
    """`constants` are the keys of the answer, in order."""

    calls: Sequence[Call]
    constants: Sequence[Constant]
    serial: bool
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]


class Planner:
    """Field collection (fragments, merging, directives, type conditions) is graphql-core's own."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Fragments,
        variables: VariableValues,
        *,
        excerpts: bool,
    ) -> None:
        """`variables` decide @include and @skip, nothing else: the plan holds for all runs that agree on those.
        `excerpts`: may rows of pages be written by the store, each in a statement of its own?"""
        converter = (schema.extensions or {}).get(BACKREF)
        if converter is None:
            raise Unsupported("a schema that is not Strawberry's")
        self._schema, self._converter = schema, converter.schema_converter
        self._operation, self._fragments, self._variables, self._excerpts = operation, fragments, variables, excerpts
        self._details = {name: FragmentDetails(definition) for name, definition in fragments.items()}

    def plan(self) -> Plan:
        """Raises Unsupported, or GraphQLError where a directive's condition cannot be had."""
        operation = self._operation
        root = self._schema.get_root_type(operation.operation)
        if root is None or operation.operation is OperationType.SUBSCRIPTION or operation.directives:
            raise Unsupported(operation.operation.value)
        collected = collect_fields(self._schema, self._details, self._variables, root, operation)
        calls, constants = [], []
        for key, details in _grouped(collected).items():
            name = details[0].node.name.value
            constants.append(Constant(key, root.name if name == "__typename" else None))
            if name != "__typename":
                calls.append(self._call(root, key, details))
        return Plan(calls, constants, operation.operation is OperationType.MUTATION, operation, dict(self._fragments))

    def _call(self, root: GraphQLObjectType, key: str, details: FieldDetailsList) -> Call:
        name = details[0].node.name.value
        field, definition = _field(root, name)
        if definition.base_resolver is None or declared(definition) is not None:
            raise Unsupported(f"{root.name}.{name}")
        arguments = Arguments(self._converter, definition, field, details[0].node)
        slot = self._slot(root, key, field, details)
        resolver = definition.base_resolver
        resolve = resolver.wrapped_func
        if not callable(resolve):
            raise Unsupported(f"{root.name}.{name}")
        if resolver.self_parameter:
            resolve = partial(resolve, None)
        info = resolver.info_parameter.name if resolver.info_parameter else None
        return Call(slot, resolve, info, self._want([slot]), field, definition, root, arguments)

    def _want(self, slots: Sequence[Slot]) -> Wanted:
        """Of a value that stands in all of the slots."""
        outline = outline_of(slots[0]) if self._excerpts and len(slots) == 1 else None
        return Wanted(frozenset().union(*map(wanted, slots)), outline)

    def _selection(self, type_: GraphQLObjectType, details: FieldDetailsList) -> Selection:
        members: list[Leaf | Constant] = []
        inner: list[Inner] = []
        loaded: list[Loaded] = []
        collected = collect_subfields(self._schema, self._details, self._variables, self._operation, type_, details)
        for key, grouped in _grouped(collected).items():
            name = grouped[0].node.name.value
            if name == "__typename":
                members.append(Constant(key, type_.name))
                continue
            field, definition = _field(type_, name)
            how = declared(definition)
            if how is None and definition.base_resolver is not None:
                raise Unsupported(f"{type_.name}.{name} has a resolver of its own")
            if isinstance(how, Edge):
                members.append(Constant(key, None))
                node = grouped[0].node
                arguments = Arguments(self._converter, definition, field, node) if how.arguments else None
                loaded.append(Loaded(self._slot(type_, key, field, grouped), definition.python_name, how, arguments))
                continue
            read = definition.python_name if how is None else how
            if is_leaf(field.type):
                members.append(Leaf(key, [d.node for d in grouped], field.type, f"{type_.name}.{name}", read))
            else:
                members.append(Constant(key, None))
                inner.append(Inner(self._slot(type_, key, field, grouped), read))
        for one in loaded:
            if one.arguments:  # what is wanted by several aliases is asked for once
                one.arguments.want = self._want([o.slot for o in loaded if o.edge.batch is one.edge.batch])
        model = _model(type_)
        return Selection(model, builder(model, members), members, inner, loaded, _excerpted(type_))

    def _slot(self, parent: GraphQLObjectType, key: str, field: GraphQLField, details: FieldDetailsList) -> Slot:
        nodes = [d.node for d in details]
        label = f"{parent.name}.{nodes[0].name.value}"
        type_, nullable = unwrap(field.type)
        if is_leaf(field.type):
            return Slot(key, nodes, field.type, label, nullable, False, True, None, {})
        listed, item_nullable = isinstance(type_, GraphQLList), True
        if isinstance(type_, GraphQLList):
            type_, item_nullable = unwrap(type_.of_type)
        if isinstance(type_, GraphQLObjectType):
            only = self._selection(type_, details)
            return Slot(key, nodes, type_, label, nullable, listed, item_nullable, only, {})
        if not isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            raise Unsupported(f"{label}: {field.type}")
        of: dict[type, Selection] = {}
        for possible in self._schema.get_possible_types(type_):
            selection = self._selection(possible, details)
            if selection.model in of:
                raise Unsupported(f"{label}: two types describe {selection.model}")
            of[selection.model] = selection
        return Slot(key, nodes, type_, label, nullable, listed, item_nullable, None, of)


def _field(type_: GraphQLObjectType, name: str) -> tuple[GraphQLField, StrawberryField]:
    field = type_.fields.get(name)
    definition = field.extensions.get(BACKREF) if field else None
    if field is None or not isinstance(definition, StrawberryField) or definition.extensions:
        raise Unsupported(f"{type_.name}.{name}")
    if is_leaf(field.type) and _depth(field.type) > 1:
        raise Unsupported(f"{type_.name}.{name}: a list of lists")
    return field, definition


def _model(type_: GraphQLObjectType) -> type:
    definition = type_.extensions.get(BACKREF)
    model = described(definition.origin) if isinstance(definition, StrawberryObjectDefinition) else None
    if model is None or issubclass(model, BaseException):  # graphql-core raises what is an exception
        raise Unsupported(f"{type_.name} describes no class of the domain")
    return model


def _excerpted(type_: GraphQLObjectType) -> bool:
    definition = type_.extensions.get(BACKREF)
    return isinstance(definition, StrawberryObjectDefinition) and excerpted(definition.origin)


def _grouped(collected: CollectedFields) -> Mapping[str, FieldDetailsList]:
    if collected.new_defer_usages:
        raise Unsupported("@defer")
    for details in collected.grouped_field_set.values():
        for detail in details:
            for directive in detail.node.directives or ():
                if directive.name.value not in ("include", "skip"):
                    raise Unsupported(f"@{directive.name.value}")
    return collected.grouped_field_set


def _depth(type_: GraphQLOutputType) -> int:
    """Of lists in lists."""
    depth = 0
    while isinstance(type_, GraphQLNonNull | GraphQLList):
        depth += isinstance(type_, GraphQLList)
        type_ = type_.of_type
    return depth
