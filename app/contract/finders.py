"""What graphql-core's own finder finds, with the coordinate that it tells only in words."""

import re
from collections.abc import Iterator

from graphql import GraphQLSchema, specified_directives
from graphql.utilities.find_schema_changes import (
    BreakingChangeType,
    DangerousChangeType,
    SafeChangeType,
    SchemaChange,
    find_schema_changes,
)

from app.contract.change import Change, Severity
from app.contract.coordinates import argument_of

SEVERITIES = {
    BreakingChangeType: Severity.BREAKING,
    DangerousChangeType: Severity.DANGEROUS,
    SafeChangeType: Severity.SAFE,
}
SPECIFIED = {f"@{directive.name}" for directive in specified_directives}
# The texts begin with the coordinate, after words of their own; `Description of argument` writes it without a colon.
PART = re.compile(
    r"(?:Description of (?:argument|field|input-field|enum value)|Argument|An? (?:required|optional) argument"
    r"|Field|A required field|An optional field|Enum value|Description of|Repeatable flag was removed from"
    r"|Repeatable flag was added to|Directive|[A-Z_]+ was (?:removed from|added to))? ?"
    r"(?P<owner>@\w+|\w+\.\w+)(?:\((?P<argument>\w+):?\))?"
)
WHOLE: dict[str, re.Pattern[str]] = {  # these are about types
    "TYPE_REMOVED": re.compile(r"(?:Standard scalar )?(?P<where>\w+) was removed"),
    "TYPE_ADDED": re.compile(r"(?P<where>\w+) was added"),
    "TYPE_CHANGED_KIND": re.compile(r"(?P<where>\w+) changed from"),
    "TYPE_ADDED_TO_UNION": re.compile(r"(?P<where>\w+) was added to union type (?P<party>\w+)"),
    "TYPE_REMOVED_FROM_UNION": re.compile(r"(?P<where>\w+) was removed from union type (?P<party>\w+)"),
    "IMPLEMENTED_INTERFACE_ADDED": re.compile(r"(?P<party>\w+) added to interfaces implemented by (?P<where>\w+)"),
    "IMPLEMENTED_INTERFACE_REMOVED": re.compile(r"(?P<where>\w+) no longer implements interface (?P<party>\w+)"),
    "DESCRIPTION_CHANGED": re.compile(r"Description of (?P<where>\w+) has changed"),
}


def found_by_graphql_core(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[Change]:
    """Not of how a schema words a directive of the specification, which it may write out or leave to its readers."""
    for change in map(change_of, find_schema_changes(old, new)):
        if change.code != "DESCRIPTION_CHANGED" or change.where not in SPECIFIED:
            yield change


def change_of(found: SchemaChange) -> Change:
    """Raises ValueError for a text that is not as these of graphql-core 3.3 are."""
    code = found.type.name
    where, party = _place(code, found.description)
    change = Change(SEVERITIES[type(found.type)], code, where, found.description, party=party)
    if code == "DESCRIPTION_CHANGED":  # the text has the whole new description in it
        return Change(change.severity, code, where, f"The description of {where} changed.")
    return change


def _place(code: str, text: str) -> tuple[str, str]:
    if (whole := WHOLE.get(code)) and (told := whole.match(text)):
        return told["where"], told.groupdict().get("party") or ""
    if (part := PART.match(text)) is None:
        raise ValueError(f"a change of no known form: {text}")
    owner, argument = part["owner"], part["argument"]
    if argument is None or argument == owner.removeprefix("@"):  # of a directive's argument it tells the directive
        return owner, ""
    return argument_of(owner, argument), ""
