"""All changes between two GraphQL schemas: what graphql-core finds, what it misses, and where we judge otherwise."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date

from graphql import (
    GraphQLArgument,
    GraphQLEnumValue,
    GraphQLError,
    GraphQLField,
    GraphQLInputField,
    GraphQLNonNull,
    GraphQLSchema,
    OperationType,
    build_schema,
    get_named_type,
    is_required_argument,
    is_required_input_field,
)

from app.contract.applied import applied_changes
from app.contract.change import Change, NotComparable, Severity, in_order
from app.contract.coordinates import Element, elements, parent_of
from app.contract.deprecation import REMOVED, deprecation_changes, judge_removal
from app.contract.finders import found_by_graphql_core
from app.contract.reach import orphaned_by

EXECUTABLE = frozenset(
    {
        "QUERY",
        "MUTATION",
        "SUBSCRIPTION",
        "FIELD",
        "FRAGMENT_DEFINITION",
        "FRAGMENT_SPREAD",
        "INLINE_FRAGMENT",
        "VARIABLE_DEFINITION",
    }
)
DEFAULT_ADDED = ("ARG_DEFAULT_VALUE_ADDED", "INPUT_FIELD_DEFAULT_VALUE_ADDED")
WHY = {
    "TYPE_REMOVED": "Fragments and variables that name it are refused.",
    "TYPE_CHANGED_KIND": "Operations select of it, or send it, as what it was.",
    "TYPE_REMOVED_FROM_UNION": "Fragments on it are refused where the union is selected.",
    "VALUE_REMOVED_FROM_ENUM": "Who sends it is refused.",
    "REQUIRED_INPUT_FIELD_ADDED": "Who does not send it is refused.",
    "IMPLEMENTED_INTERFACE_REMOVED": "Fragments on it are refused where the interface is selected.",
    "FIELD_REMOVED": "Operations that name it are refused.",
    "FIELD_CHANGED_KIND": "Clients read, or send, what they did not expect.",
    "REQUIRED_ARG_ADDED": "Operations without it are refused.",
    "ARG_REMOVED": "Operations that give it are refused.",
    "ARG_CHANGED_KIND": "Values and variables of the old type are refused.",
    "DIRECTIVE_REMOVED": "Operations that use it are refused.",
    "DIRECTIVE_ARG_REMOVED": "Operations that give it are refused.",
    "REQUIRED_DIRECTIVE_ARG_ADDED": "Operations without it are refused.",
    "DIRECTIVE_REPEATABLE_REMOVED": "Operations that repeat it are refused.",
    "DIRECTIVE_LOCATION_REMOVED": "Operations that have it there are refused.",
    "VALUE_ADDED_TO_ENUM": "Clients may be sent a value that they never saw.",
    "TYPE_ADDED_TO_UNION": "Clients may be sent a type that they never saw.",
    "OPTIONAL_INPUT_FIELD_ADDED": "Without it, all should be as it was.",
    "OPTIONAL_ARG_ADDED": "Without it, all should be as it was.",
    "IMPLEMENTED_INTERFACE_ADDED": "Clients may be sent a type that they never saw.",
    "ARG_DEFAULT_VALUE_CHANGE": "Operations without it mean something else.",
    "INPUT_FIELD_DEFAULT_VALUE_CHANGE": "Operations without it mean something else.",
}
NOT_IN_OPERATIONS = "Operations cannot use it: it speaks to tools that read the schema."


def read_schema(text: str) -> GraphQLSchema:
    """Raises NotComparable."""
    try:
        return build_schema(text)
    except (GraphQLError, TypeError) as error:
        raise NotComparable(f"No GraphQL schema: {' '.join(str(error).split())}") from None


def graphql_changes(old: GraphQLSchema, new: GraphQLSchema, today: date) -> list[Change]:
    """The worst first. Of a schema by introspection, which shows no applied directives, none are compared."""
    found = [_judged(change, old, new, today) for change in found_by_graphql_core(old, new)]
    found += [*_values(old, new, found), *_roots(old, new), *deprecation_changes(old, new)]
    if _told_in_full(old) and _told_in_full(new):
        found += applied_changes(old, new)
    return in_order(_with_orphans(found, old))


def _judged(change: Change, old: GraphQLSchema, new: GraphQLSchema, today: date) -> Change:
    """Where we know better than by the kind of change alone."""
    change = replace(change, why=WHY.get(change.code, ""))
    if change.code in REMOVED:
        known = elements(old).get(change.where)
        return judge_removal(change, known.deprecation_reason if known is not None else None, today)
    if change.code == "VALUE_ADDED_TO_ENUM" and not _is_sent(new, parent_of(change.where)):
        return change.as_(Severity.SAFE, "It is only taken, never sent.")
    if change.code in DEFAULT_ADDED and not isinstance(_input(old, change.where).type, GraphQLNonNull):
        return change.as_(Severity.DANGEROUS, "Operations without it mean something else.")
    if change.code == "TYPE_REMOVED" and change.message.startswith("Standard scalar"):
        return change.as_(Severity.SAFE, "Nothing takes or gives it any more.")
    if change.where.startswith("@") and change.severity is not Severity.SAFE:
        return _judged_directive(change, old)
    return change


def _judged_directive(change: Change, old: GraphQLSchema) -> Change:
    """Where the directive, or the place that it lost, was never for operations."""
    directive = old.get_directive(parent_of(change.where).removeprefix("@") or change.where.removeprefix("@"))
    places = {location.name for location in directive.locations} if directive is not None else set[str]()
    if change.code == "DIRECTIVE_LOCATION_REMOVED":
        places = {change.message.split()[0]}
    return change if places & EXECUTABLE else change.as_(Severity.DANGEROUS, NOT_IN_OPERATIONS)


def _input(schema: GraphQLSchema, where: str) -> GraphQLArgument | GraphQLInputField:
    found = elements(schema)[where]
    assert isinstance(found, GraphQLArgument | GraphQLInputField)
    return found


def _is_sent(schema: GraphQLSchema, name: str) -> bool:
    """Is there a field that gives it?"""
    return any(
        isinstance(element, GraphQLField) and get_named_type(element.type).name == name
        for element in elements(schema).values()
    )


def _values(old: GraphQLSchema, new: GraphQLSchema, found: Iterable[Change]) -> Iterator[Change]:
    """What need not be given because it had a default, and has none any more; and types that became wider, of which
    graphql-core says nothing where there is a default."""
    told = {change.where for change in found if "CHANGED_KIND" in change.code}
    before, after = elements(old), elements(new)
    for where in before.keys() & after.keys():
        was, now = before[where], after[where]
        if str(_type(was)) != str(_type(now)):
            if where not in told:
                message = f"{where} has changed type from {_type(was)} to {_type(now)}."
                yield Change(Severity.SAFE, "ARG_CHANGED_KIND_SAFE", where, message)
        elif _is_required(now) and not _is_required(was):
            message = f"{where} lost its default value, and must be given now."
            yield Change(Severity.BREAKING, "BECAME_REQUIRED", where, message, "Operations without it are refused.")


def _type(element: Element) -> object:
    return None if isinstance(element, GraphQLEnumValue) else element.type


def _is_required(element: Element) -> bool:
    if isinstance(element, GraphQLArgument):
        return is_required_argument(element)
    return isinstance(element, GraphQLInputField) and is_required_input_field(element)


def _roots(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[Change]:
    for kind in OperationType:
        was, now = old.get_root_type(kind), new.get_root_type(kind)
        if was is None and now is not None:
            yield Change(Severity.SAFE, "ROOT_ADDED", now.name, f"There is a root for each {kind.value} now: {now}.")
        elif was is not None and (now is None or was.name != now.name):
            message = f"The root for each {kind.value} was {was}, and is {now or 'none'} now."
            yield Change(Severity.BREAKING, "ROOT_CHANGED", was.name, message, "Operations begin there.")


def _told_in_full(schema: GraphQLSchema) -> bool:
    return any(type_.ast_node is not None for type_ in schema.type_map.values())


def _with_orphans(changes: Iterable[Change], old: GraphQLSchema) -> Iterator[Change]:
    """A type that went with what was to go is no worse than that."""
    found = list(changes)
    tolerated = {c.where for c in found if c.code in REMOVED and c.severity is not Severity.BREAKING}
    removed = {c.where for c in found if c.code == "TYPE_REMOVED"}
    orphans = orphaned_by(old, tolerated, removed)
    for change in found:
        if change.code == "TYPE_REMOVED" and change.where in orphans and change.severity is Severity.BREAKING:
            yield change.as_(Severity.DANGEROUS, "It went with the deprecated ways to it, whose day is over.")
        else:
            yield change
