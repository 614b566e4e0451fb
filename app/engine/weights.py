"""What every field of a schema costs, read from its published text and checked: a schema that leaves it open is none.

It must not price an operation: see `engine.price`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    build_schema,
    get_directive_values,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
)

from app.engine.cost import PAGING

CONNECTION = "Connection"  # how the name of every connection type ends (Relay Connections §2.1)
WHOLE = re.compile(r"[0-9]{1,9}")

type FieldName = tuple[str, str]  # of the type, of its field


@dataclass(frozen=True, slots=True)
class FieldCost:
    """`numbers` and `lists`: the slicing arguments of each kind, `input.items` where one stands inside another. With
    `sized` the field gives a page, which these fields of it show, of `assumed` rows where no number is given; where
    lists alone slice it, a page with a row for each item."""

    weight: int
    assumed: int = 0
    numbers: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    sized: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Costs:
    """Of every field; `rows` are those that show the rows of a page, which the page has paid for."""

    fields: Mapping[FieldName, FieldCost]
    rows: frozenset[FieldName]


def read_costs(text: str) -> Costs:
    """Of a schema in its definition language. Raises TypeError, one line for each field that does not say its cost."""
    schema = build_schema(text)
    declared = dict(_declared(schema))
    costs = {name: _cost(schema, field) for name, field in declared.items()}
    pages = {get_named_type(declared[name].type).name: cost.sized for name, cost in costs.items() if cost.sized}
    faults = [
        f"{type_name}.{field_name}: {fault}"
        for (type_name, field_name), field in declared.items()
        for fault in (
            *_slicing_faults(field, costs[type_name, field_name]),
            *_page_faults(field, costs[type_name, field_name], pages),
            *_weight_faults(schema, type_name, field, pages),
        )
    ]
    if faults:
        raise TypeError("The schema does not say what an operation costs:\n" + "\n".join(faults))
    return Costs(costs, frozenset((page, row) for page, sized in pages.items() for row in sized))


def _declared(schema: GraphQLSchema) -> Iterator[tuple[FieldName, GraphQLField]]:
    for type in schema.type_map.values():
        if isinstance(type, GraphQLObjectType | GraphQLInterfaceType) and not type.name.startswith("__"):
            for name, field in type.fields.items():
                yield (type.name, name), field


def _cost(schema: GraphQLSchema, field: GraphQLField) -> FieldCost:
    weight = _directive(schema, field, "cost").get("weight", "")
    size = _directive(schema, field, "listSize")
    slicing: Sequence[str] = size.get("slicingArguments") or ()
    lists = tuple(path for path in slicing if (found := sliced_by(field, path)) is not None and _is_list(found))
    return FieldCost(
        weight=int(weight) if WHOLE.fullmatch(weight) else int(not is_leaf_type(get_named_type(field.type))),
        assumed=size.get("assumedSize") or 0,
        numbers=tuple(name for name in slicing if name not in lists),
        lists=lists,
        sized=tuple(size.get("sizedFields") or ()),
    )


def _slicing_faults(field: GraphQLField, cost: FieldCost) -> Iterator[str]:
    for path in (*cost.numbers, *cost.lists):
        found = sliced_by(field, path)
        if found is None:
            yield f"@listSize slices by `{path}`, which is no argument of it, nor inside of one"
        elif isinstance(found, GraphQLInputField) and (found.default or found.default_value is not Undefined):
            yield f"@listSize slices by `{path}`, which must have no default"
    if cost.numbers and not cost.sized:
        yield "@listSize slices by a number, so it must say which `sizedFields` show the rows"
    if cost.sized and any(name in field.args and name not in cost.numbers for name in PAGING):
        yield "@listSize must slice by `first` and `last`"
    gives_objects = _is_list(field) and not is_leaf_type(get_named_type(field.type))
    if gives_objects and not cost.lists and any(_is_list(argument) for argument in field.args.values()):
        yield "it gives a list and takes one: say with @listSize that they are of one length"


def _page_faults(field: GraphQLField, cost: FieldCost, pages: Mapping[str, Sequence[str]]) -> Iterator[str]:
    type = get_named_type(field.type)
    is_page = type.name in pages or type.name.endswith(CONNECTION) or any(name in field.args for name in PAGING)
    if is_page and (not cost.sized or cost.sized != pages[type.name]):
        yield f"it gives a page: it needs @listSize, with the `sizedFields` that all fields of {type.name} have"
    elif is_page and not cost.assumed and (cost.numbers or not cost.lists):
        yield "@listSize must say the `assumedSize` of a page where no number is given"
    shown = type.fields if isinstance(type, GraphQLObjectType | GraphQLInterfaceType) else {}
    for name in cost.sized:
        if name not in shown or not _is_list(shown[name]):
            yield f"@listSize sizes `{name}`, which is no list of {type.name}"


def _weight_faults(
    schema: GraphQLSchema, parent: str, field: GraphQLField, pages: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    weight: str | None = _directive(schema, field, "cost").get("weight")
    if weight is not None and not WHOLE.fullmatch(weight):
        yield "the weight of @cost must be a whole number of at most nine digits"
    if weight is None and schema.mutation_type and parent == schema.mutation_type.name:
        yield "it writes: say with @cost what it weighs"
    if weight is None and parent in pages and is_leaf_type(get_named_type(field.type)):
        yield "it is worked out for the page: say with @cost what it weighs"


def _directive(schema: GraphQLSchema, field: GraphQLField, name: str) -> Mapping[str, Any]:
    """Its arguments; empty where the field does not have it."""
    definition = schema.get_directive(name)
    if definition is None or field.ast_node is None:
        return {}
    return get_directive_values(definition, field.ast_node) or {}


def sliced_by(field: GraphQLField, path: str) -> GraphQLArgument | GraphQLInputField | None:
    """The argument of that name, or what is inside of it, names with dots between them; None where there is nothing."""
    name, *inside = path.split(".")
    found: GraphQLArgument | GraphQLInputField | None = field.args.get(name)
    for name in inside:
        type = get_nullable_type(found.type) if found is not None else None
        found = type.fields.get(name) if isinstance(type, GraphQLInputObjectType) else None
    return found


def _is_list(declared: GraphQLField | GraphQLArgument | GraphQLInputField) -> bool:
    return isinstance(get_nullable_type(declared.type), GraphQLList)
