"""An operation as it may be kept: without values, comments and what else its document held (R37).

Two documents that differ in literals alone have one signature, and it is as valid as they are.
"""

from typing import Any

from graphql import (
    DocumentNode,
    FloatValueNode,
    GraphQLEnumType,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    Node,
    ObjectValueNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_input_object_type,
    is_specified_scalar_type,
    print_ast,
    separate_operations,
    visit,
)

TEXT, INT, FLOAT = StringValueNode(value=""), IntValueNode(value="0"), FloatValueNode(value="0.0")


def signature(schema: GraphQLSchema, document: DocumentNode, name: str | None) -> str:
    """Of the operation of that name, with the fragments that it needs; the document is valid."""
    own = separate_operations(document)[name or ""]
    info = TypeInfo(schema)
    return print_ast(visit(own, TypeInfoVisitor(info, _Stripped(info))))


class _Stripped(Visitor):
    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self._info = info

    def enter_string_value(self, *_: object) -> Node:
        return TEXT

    def enter_int_value(self, *_: object) -> Node:
        return INT

    def enter_float_value(self, *_: object) -> Node:
        return FLOAT

    def enter_object_value(self, node: ObjectValueNode, *_: object) -> Node | None:
        """What is no input object is JSON, whose keys are values, too."""
        return None if is_input_object_type(self._named()) else TEXT

    def enter_list_value(self, node: ListValueNode, *_: object) -> Node | None:
        type_ = self._named()
        known = is_input_object_type(type_) or isinstance(type_, GraphQLEnumType)
        return None if known or (type_ is not None and is_specified_scalar_type(type_)) else TEXT

    def leave_list_value(self, node: ListValueNode, *_: object) -> Node:
        """What is alike now is there once: lists differ in their lengths alone."""
        alike = {print_ast(value): value for value in node.values}
        return ListValueNode(values=tuple(alike.values()))

    def _named(self) -> Any:
        type_ = self._info.get_input_type()
        return None if type_ is None else get_named_type(type_)
