"""Directives on the schema's own elements that say something to clients: what a field costs, @oneOf, @specifiedBy."""

from collections.abc import Iterator, Mapping

from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)
from graphql.utilities import value_from_ast_untyped

from app.contract.change import Change, Severity
from app.contract.coordinates import elements, own_types

type Applied = Mapping[str, Mapping[str, object]]  # arguments by directive
DEARER = "An operation with it costs more, and may now be over its limit."


def applied_changes(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[Change]:
    before, after = elements(old), elements(new)
    for where in sorted(before.keys() & after.keys()):
        was, now = before[where], after[where]
        old_ones, new_ones = applied_to(was), applied_to(now)
        if isinstance(was, GraphQLField) and isinstance(now, GraphQLField):
            yield from _cost(where, _weight(was, old_ones), _weight(now, new_ones))
            yield from _list_size(where, old_ones.get("listSize"), new_ones.get("listSize"))
        for name in sorted((old_ones.keys() | new_ones.keys()) - {"cost", "listSize", "deprecated"}):
            if (change := _other(where, name, old_ones.get(name), new_ones.get(name))) is not None:
                yield change
    yield from _type_changes(old, new)


def applied_to(element: object) -> Applied:
    """Empty for a schema that was made of an introspection, which does not tell."""
    node = getattr(element, "ast_node", None)
    return {
        applied.name.value: {
            argument.name.value: value_from_ast_untyped(argument.value) for argument in applied.arguments
        }
        for applied in (node.directives if node is not None else ()) or ()
    }


def _weight(field: GraphQLField, applied: Applied) -> float:
    if (cost := applied.get("cost")) is not None:
        return float(str(cost.get("weight", 0)))
    return 0 if is_leaf_type(get_named_type(field.type)) else 1


def _cost(where: str, was: float, now: float) -> Iterator[Change]:
    if was != now:
        message = f"The cost of {where} changed from {was:g} to {now:g}."
        dearer = now > was
        yield Change(
            Severity.DANGEROUS if dearer else Severity.SAFE, "COST_CHANGED", where, message, DEARER if dearer else ""
        )


def _list_size(where: str, was: Mapping[str, object] | None, now: Mapping[str, object] | None) -> Iterator[Change]:
    if was == now:
        return
    message = f"The @listSize of {where} changed: {_text(was)}, now {_text(now)}."
    if now is None:
        yield Change(Severity.SAFE, "LIST_SIZE_CHANGED", where, message)
        return
    same = was is not None and {**was, "assumedSize": 0} == {**now, "assumedSize": 0}
    if same and was is not None and _size(now) < _size(was):
        yield Change(Severity.SAFE, "LIST_SIZE_CHANGED", where, message)
    else:
        yield Change(Severity.DANGEROUS, "LIST_SIZE_CHANGED", where, message, DEARER)


def _size(applied: Mapping[str, object]) -> float:
    return float(str(applied.get("assumedSize") or 0))


def _other(where: str, name: str, was: object, now: object) -> Change | None:
    if was == now:
        return None
    what = "is there newly" if was is None else "is gone" if now is None else "has other arguments"
    return Change(
        Severity.DANGEROUS, "APPLIED_DIRECTIVE_CHANGED", where, f"@{name} on {where} {what}.", "It may mean something."
    )


def _type_changes(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[Change]:
    before, after = own_types(old), own_types(new)
    for name in sorted(before.keys() & after.keys()):
        was, now = before[name], after[name]
        if isinstance(was, GraphQLInputObjectType) and isinstance(now, GraphQLInputObjectType):
            if now.is_one_of and not was.is_one_of:
                why = "Whoever sends two of its fields, or none, is refused."
                yield Change(Severity.BREAKING, "BECAME_ONE_OF", name, f"{name} takes exactly one field now.", why)
            elif was.is_one_of and not now.is_one_of:
                yield Change(Severity.SAFE, "ONE_OF_REMOVED", name, f"{name} takes more than one field now.")
        elif isinstance(was, GraphQLScalarType) and isinstance(now, GraphQLScalarType):
            yield from _scalar(name, was.specified_by_url, now.specified_by_url)


def _scalar(name: str, was: str | None, now: str | None) -> Iterator[Change]:
    if was != now:
        message = f"{name} is specified by {now or 'nothing'} now."
        why = "Its values may be written in another way."
        yield Change(Severity.DANGEROUS, "SPECIFIED_BY_CHANGED", name, message, why)


def _text(applied: Mapping[str, object] | None) -> str:
    return "none" if applied is None else ", ".join(f"{key}: {value}" for key, value in sorted(applied.items()))
