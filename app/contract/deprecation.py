"""Deprecations: the day that a reason names, and what may be removed when (R80).

A reason says until when the old way works: "Use `tags`. Removal after 2027-06-01." What has no such day may not go.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from graphql import GraphQLSchema

from app.contract.change import Change, Severity
from app.contract.coordinates import elements

REMOVAL = re.compile(r"\bremoval after (\d{4}-\d{2}-\d{2})\b", re.IGNORECASE)
REMOVED = frozenset({"FIELD_REMOVED", "ARG_REMOVED", "VALUE_REMOVED_FROM_ENUM", "DIRECTIVE_ARG_REMOVED"})
BEFORE_ITS_DAY = "REMOVED_BEFORE_ITS_DAY"


def removal_date(reason: str | None) -> date | None:
    """The last day on which it is sure to work; None where no day, or none that exists, is named."""
    found = REMOVAL.search(reason or "")
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def judge_removal(change: Change, reason: str | None, today: date) -> Change:
    """Of what was deprecated, where there was a reason; without clients nobody knows who uses it still."""
    if reason is None:
        return change
    day = removal_date(reason)
    if day is None:
        return change.as_(Severity.BREAKING, 'It was deprecated, but without a day: "Removal after YYYY-MM-DD."')
    if today <= day:
        return replace(change, severity=Severity.BREAKING, code=BEFORE_ITS_DAY, why=f"It was to work until {day}.")
    return change.as_(Severity.DANGEROUS, f"It was deprecated, and its day, {day}, is over.")


def deprecation_changes(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[Change]:
    before, after = elements(old), elements(new)
    for where in before.keys() & after.keys():
        was, now = before[where].deprecation_reason, after[where].deprecation_reason
        if was == now:
            continue
        if now is None:
            yield Change(Severity.SAFE, "DEPRECATION_REMOVED", where, f"{where} is deprecated no more.")
        elif was is None:
            yield _deprecated(where, now)
        else:
            yield _reason_changed(where, was, now)
    for where in after.keys() - before.keys():
        if (reason := after[where].deprecation_reason) is not None:
            yield _deprecated(where, reason)


def _deprecated(where: str, reason: str) -> Change:
    day = removal_date(reason)
    if day is None:
        why = 'A deprecation must say when: "Removal after YYYY-MM-DD." Else it can never be removed.'
        return Change(Severity.DANGEROUS, "DEPRECATED_WITHOUT_DATE", where, f"{where} is deprecated.", why)
    return Change(Severity.SAFE, "DEPRECATED", where, f"{where} is deprecated.", f"It works until {day}.")


def _reason_changed(where: str, was: str, now: str) -> Change:
    before, after = removal_date(was), removal_date(now)
    message = f"The reason for which {where} is deprecated changed."
    if before is not None and (after is None or after < before):
        why = f"{before} was promised" + (f", and now it is {after}." if after else ", and now no day is named.")
        return Change(Severity.DANGEROUS, "DEPRECATION_DATE_EARLIER", where, message, why)
    return Change(Severity.SAFE, "DEPRECATION_REASON_CHANGED", where, message)
