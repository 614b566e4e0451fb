"""All changes between two OpenAPI documents (R80). Places: `GET /api/v2/features`, and in it what is meant.

A deprecated operation says until when it works: `x-removal-after: "2027-06-01"`; the rule is that of GraphQL's schema.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import orjson

from app.contract.change import Change, NotComparable, Severity, in_order
from app.contract.deprecation import judge_removal
from app.contract.json_schema import Schema, SchemaChanges, Way, resolved

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
UNTIL = "x-removal-after"


def read_openapi(text: str) -> Schema:
    """Raises NotComparable."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NotComparable(f"No OpenAPI document: it is no valid JSON: {error.msg}") from None
    if not isinstance(found, dict) or not isinstance(found.get("paths"), dict):
        raise NotComparable("No OpenAPI document: it has no paths.")
    return found


def openapi_changes(old: Schema, new: Schema, today: date) -> list[Change]:
    """The worst first."""
    return in_order(_Documents(old, new, today).changes())


class _Documents:
    def __init__(self, old: Schema, new: Schema, today: date) -> None:
        self._old, self._new, self._today = old, new, today
        self._schemas = SchemaChanges(old, new)

    def changes(self) -> Iterator[Change]:
        before, after = _operations(self._old), _operations(self._new)
        for where in before.keys() - after.keys():
            yield self._removed(where, before[where])
        for where in after.keys() - before.keys():
            yield Change(Severity.SAFE, "OPERATION_ADDED", where, f"{where} was added.")
        for where in before.keys() & after.keys():
            yield from self._operation(before[where], after[where], where)

    def _removed(self, where: str, operation: Schema) -> Change:
        removed = Change(
            Severity.BREAKING, "OPERATION_REMOVED", where, f"{where} was removed.", "Who calls it is refused."
        )
        return judge_removal(removed, _reason(operation), self._today)

    def _operation(self, old: Schema, new: Schema, where: str) -> Iterator[Change]:
        if (new.get("deprecated") or False) != (old.get("deprecated") or False):
            yield _deprecation(new, where)
        elif old.get(UNTIL, "") > new.get(UNTIL, ""):
            why = f"{old[UNTIL]} was promised."
            message = f"The day until which {where} works is earlier, or gone."
            yield Change(Severity.DANGEROUS, "DEPRECATION_DATE_EARLIER", where, message, why)
        if old.get("security", self._old.get("security")) != new.get("security", self._new.get("security")):
            why = "Other credentials may be wanted."
            yield Change(Severity.DANGEROUS, "SECURITY_CHANGED", where, "Who may call it, and how, changed.", why)
        yield from self._parameters(old, new, where)
        yield from self._body(old, new, where)
        yield from self._responses(old, new, where)

    def _parameters(self, old: Schema, new: Schema, where: str) -> Iterator[Change]:
        before, after = self._parameters_of(self._old, old), self._parameters_of(self._new, new)
        for key in before.keys() - after.keys():
            message = f"The parameter {key} was removed."
            yield Change(
                Severity.BREAKING, "PARAMETER_REMOVED", f"{where} {key}", message, "Who gives it may be refused."
            )
        for key in after.keys() - before.keys():
            message = f"The parameter {key} was added."
            if after[key].get("required"):
                why = "Who does not give it is refused."
                yield Change(Severity.BREAKING, "REQUIRED_PARAMETER_ADDED", f"{where} {key}", message, why)
            else:
                yield Change(Severity.SAFE, "PARAMETER_ADDED", f"{where} {key}", message)
        for key in before.keys() & after.keys():
            was, now, place = before[key], after[key], f"{where} {key}"
            yield from _required(was, now, place)
            for word, default in (("style", None), ("explode", None), ("allowReserved", False)):
                if was.get(word, default) != now.get(word, default):
                    yield Change(
                        Severity.BREAKING, "PARAMETER_STYLE", place, f"{word} changed.", "It is written otherwise."
                    )
            yield from self._schemas.between(was.get("schema", True), now.get("schema", True), place, Way.TAKEN)

    def _parameters_of(self, document: Schema, operation: Schema) -> dict[str, Schema]:
        found = (resolved(document, parameter) for parameter in operation.get("parameters", ()))
        return {f"{parameter['in']} {parameter['name']}": parameter for parameter in found}

    def _body(self, old: Schema, new: Schema, where: str) -> Iterator[Change]:
        was, now = old.get("requestBody"), new.get("requestBody")
        place = f"{where} body"
        if was is None or now is None:
            if now is not None and resolved(self._new, now).get("required"):
                yield Change(
                    Severity.BREAKING, "BODY_ADDED", place, "It needs a body now.", "Who sends none is refused."
                )
            elif was is not None:
                yield Change(
                    Severity.BREAKING,
                    "BODY_REMOVED",
                    place,
                    "It takes no body any more.",
                    "Who sends one may be refused.",
                )
            elif now is not None:
                yield Change(Severity.SAFE, "BODY_ADDED", place, "It may have a body now.")
            return
        before, after = resolved(self._old, was), resolved(self._new, now)
        yield from _required(before, after, place)
        yield from self._contents(before, after, place, Way.TAKEN)

    def _responses(self, old: Schema, new: Schema, where: str) -> Iterator[Change]:
        before, after = old.get("responses", {}), new.get("responses", {})
        for status in before.keys() - after.keys():
            place, message = f"{where} {status}", f"It never answers {status} any more."
            if status.startswith(("2", "3")):
                yield Change(Severity.BREAKING, "RESPONSE_REMOVED", place, message, "Clients wait for it.")
            else:
                yield Change(Severity.SAFE, "RESPONSE_REMOVED", place, message)
        for status in after.keys() - before.keys():
            place, message = f"{where} {status}", f"It may answer {status} now."
            yield Change(Severity.DANGEROUS, "RESPONSE_ADDED", place, message, "Clients never saw it there.")
        for status in before.keys() & after.keys():
            was, now = resolved(self._old, before[status]), resolved(self._new, after[status])
            place = f"{where} {status}"
            for header in was.get("headers", {}).keys() - now.get("headers", {}).keys():
                message = f"The header {header} was removed."
                yield Change(Severity.BREAKING, "HEADER_REMOVED", place, message, "Clients that read it find nothing.")
            for header in now.get("headers", {}).keys() - was.get("headers", {}).keys():
                yield Change(Severity.SAFE, "HEADER_ADDED", place, f"The header {header} was added.")
            yield from self._contents(was, now, place, Way.SENT)

    def _contents(self, old: Schema, new: Schema, where: str, way: Way) -> Iterator[Change]:
        before, after = old.get("content", {}), new.get("content", {})
        for media in before.keys() - after.keys():
            message = f"{media} is {way.value} no more."
            yield Change(Severity.BREAKING, "MEDIA_TYPE_REMOVED", f"{where} {media}", message, "Clients count on it.")
        for media in after.keys() - before.keys():
            yield Change(Severity.SAFE, "MEDIA_TYPE_ADDED", f"{where} {media}", f"{media} is {way.value} too.")
        for media in before.keys() & after.keys():
            was, now = before[media].get("schema", True), after[media].get("schema", True)
            yield from self._schemas.between(was, now, f"{where} {media}", way)


def _operations(document: Schema) -> dict[str, Schema]:
    """By method and path, with the parameters of the path."""
    found: dict[str, Schema] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if (operation := item.get(method)) is not None:
                parameters = [*item.get("parameters", ()), *operation.get("parameters", ())]
                found[f"{method.upper()} {path}"] = {**operation, "parameters": parameters}
    return found


def _required(was: Mapping[str, Any], now: Mapping[str, Any], where: str) -> Iterator[Change]:
    if now.get("required") and not was.get("required"):
        yield Change(
            Severity.BREAKING, "BECAME_REQUIRED", where, "It is required now.", "Who leaves it out is refused."
        )
    elif was.get("required") and not now.get("required"):
        yield Change(Severity.SAFE, "BECAME_OPTIONAL", where, "It is optional now.")


def _reason(operation: Schema) -> str | None:
    return f"Removal after {operation.get(UNTIL)}" if operation.get("deprecated") else None


def _deprecation(new: Schema, where: str) -> Change:
    if not new.get("deprecated"):
        return Change(Severity.SAFE, "DEPRECATION_REMOVED", where, f"{where} is deprecated no more.")
    if UNTIL not in new:
        why = f'A deprecation must say when: `{UNTIL}: "YYYY-MM-DD"`. Else it can never be removed.'
        return Change(Severity.DANGEROUS, "DEPRECATED_WITHOUT_DATE", where, f"{where} is deprecated.", why)
    return Change(Severity.SAFE, "DEPRECATED", where, f"{where} is deprecated.", f"It works until {new[UNTIL]}.")
