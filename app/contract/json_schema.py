"""Changes of a JSON Schema: what a server takes may get wider, what it sends may get narrower; all else breaks clients.

It knows the words that openapi.json uses. A word that it does not know, or a combination, is dangerous when it changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from app.contract.change import Change, Severity

type Schema = Mapping[str, Any]

# By which a value must be larger, or smaller: what is absent bounds nothing.
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
WORDS = frozenset({"title", "description", "example", "examples", "deprecated", "$comment", "readOnly", "writeOnly"})
OWN = frozenset({"type", "enum", "const", "properties", "required", "items", "additionalProperties", "default", "$ref"})
EACH = ("allOf", "anyOf", "oneOf", "prefixItems")


class Way(Enum):
    """Which way values of the schema go."""

    TAKEN = "taken"
    SENT = "sent"


class SchemaChanges:
    """Between two documents, whose `$ref`s it follows: what both name alike is compared once for each way, and told of
    by that name."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str, Way]] = set()

    def between(self, old: Schema | bool, new: Schema | bool, where: str, way: Way) -> Iterator[Change]:
        before, after = _ref(old), _ref(new)
        if before or after:
            if (before, after, way) in self._seen:
                return
            self._seen.add((before, after, way))
            if before == after:
                where = f"{before.rpartition('/')[2]} ({way.value})"
        yield from self._of(resolved(self._old, old), resolved(self._new, new), where, way)

    def _of(self, old: Schema, new: Schema, where: str, way: Way) -> Iterator[Change]:
        yield from _types(old, new, where, way)
        yield from _values(old, new, where, way)
        yield from _bounds(old, new, where, way)
        if old.get("default") != new.get("default"):
            why = "Who leaves it out means something else."
            severity = Severity.DANGEROUS if way is Way.TAKEN else Severity.SAFE
            message = f"The default changed from {old.get('default')!r} to {new.get('default')!r}."
            yield Change(severity, "DEFAULT_CHANGED", where, message, why if severity else "")
        yield from self._properties(old, new, where, way)
        yield from self._more(old, new, where, way)
        if "items" in old or "items" in new:
            yield from self.between(old.get("items", True), new.get("items", True), f"{where}[]", way)
        yield from self._others(old, new, where, way)

    def _properties(self, old: Schema, new: Schema, where: str, way: Way) -> Iterator[Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", ())), set(new.get("required", ()))
        for name in before.keys() - after.keys():
            message, place = f"The property {name} was removed.", f"{where}.{name}"
            if way is Way.SENT:
                yield Change(
                    Severity.BREAKING, "PROPERTY_REMOVED", place, message, "Clients that read it find nothing."
                )
            elif new.get("additionalProperties", True) is False:
                yield Change(Severity.BREAKING, "PROPERTY_REMOVED", place, message, "Who sends it is refused.")
            else:
                yield Change(Severity.DANGEROUS, "PROPERTY_REMOVED", place, message, "Who sends it is not heeded.")
        for name in after.keys() - before.keys():
            message, place = f"The property {name} was added.", f"{where}.{name}"
            if way is Way.TAKEN and name in needs:
                why = "Who does not send it is refused."
                yield Change(Severity.BREAKING, "REQUIRED_PROPERTY_ADDED", place, message, why)
            elif way is Way.SENT and old.get("additionalProperties", True) is False:
                why = "Clients that check strictly were told that there is nothing else."
                yield Change(Severity.DANGEROUS, "PROPERTY_ADDED", place, message, why)
            else:
                yield Change(Severity.SAFE, "PROPERTY_ADDED", place, message)
        for name in before.keys() & after.keys():
            place = f"{where}.{name}"
            if name in needed and name not in needs:
                yield _graded(way is Way.TAKEN, "PROPERTY_OPTIONAL", place, f"{name} is optional now.", way)
            elif name in needs and name not in needed:
                yield _graded(way is Way.SENT, "PROPERTY_REQUIRED", place, f"{name} is required now.", way)
            yield from self.between(before[name], after[name], place, way)

    def _more(self, old: Schema, new: Schema, where: str, way: Way) -> Iterator[Change]:
        """`additionalProperties`: true, false, or a schema."""
        was, now = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if was == now:
            return
        if now is False:
            yield _graded(way is Way.SENT, "OBJECT_CLOSED", where, "It has no other properties any more.", way)
        elif was is False:
            yield _graded(way is Way.TAKEN, "OBJECT_OPENED", where, "It may have other properties now.", way)
        else:
            yield from self.between(was, now, f"{where}.*", way)

    def _others(self, old: Schema, new: Schema, where: str, way: Way) -> Iterator[Change]:
        known = WORDS | OWN | {*LOWER, *UPPER}
        for word in sorted((old.keys() | new.keys()) - known):
            was, now = old.get(word), new.get(word)
            if word in EACH and was is not None and now is not None and len(was) == len(now):
                for number, (one, other) in enumerate(zip(was, now, strict=True)):
                    yield from self.between(one, other, f"{where} {word}[{number}]", way)
            elif was != now:
                why = "It may allow less of what is sent, or more of what is received."
                yield Change(Severity.DANGEROUS, "SCHEMA_CHANGED", where, f"{word} changed.", why)


def resolved(document: Schema, schema: Schema | bool) -> Schema:
    """What a reference leads to, with what stands beside it; for true and false a schema that says the same."""
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    while isinstance(ref := schema.get("$ref"), str):
        found: Any = document
        for part in ref.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        schema = {**found, **{word: said for word, said in schema.items() if word != "$ref"}}
    return schema


def _ref(schema: Schema | bool) -> str:
    return "" if isinstance(schema, bool) else str(schema.get("$ref", ""))


def _types(old: Schema, new: Schema, where: str, way: Way) -> Iterator[Change]:
    before, after = _type_set(old), _type_set(new)
    if before == after:
        return
    message = f"The type was {_names(before)}, and is {_names(after)} now."
    fewer, more = _within(after, before), _within(before, after)
    yield _graded(more if way is Way.TAKEN else fewer, "TYPE_CHANGED", where, message, way)


def _within(inner: frozenset[str] | None, outer: frozenset[str] | None) -> bool:
    if outer is None or inner is None:
        return outer is None
    return inner <= (outer | {"integer"} if "number" in outer else outer)


def _type_set(schema: Schema) -> frozenset[str] | None:
    """None: any."""
    found = schema.get("type")
    if found is None:
        return None
    return frozenset([found] if isinstance(found, str) else found)


def _names(types: frozenset[str] | None) -> str:
    return "anything" if types is None else " or ".join(sorted(types))


def _values(old: Schema, new: Schema, where: str, way: Way) -> Iterator[Change]:
    before, after = _enumerated(old), _enumerated(new)
    if before == after:
        return
    if before is None or after is None:
        closed = before is None
        message = "Only some values are left." if closed else "Any value is possible now."
        yield _graded(closed is (way is Way.SENT), "ENUM_ADDED" if closed else "ENUM_DROPPED", where, message, way)
        return
    for value in [value for value in before if value not in after]:
        why = "" if way is Way.SENT else "Who sends it is refused."
        severity = Severity.SAFE if way is Way.SENT else Severity.BREAKING
        yield Change(severity, "VALUE_REMOVED", where, f"The value {value!r} was removed.", why)
    for value in [value for value in after if value not in before]:
        why = "Clients may receive a value that they never saw." if way is Way.SENT else ""
        severity = Severity.DANGEROUS if way is Way.SENT else Severity.SAFE
        yield Change(severity, "VALUE_ADDED", where, f"The value {value!r} was added.", why)


def _enumerated(schema: Schema) -> Sequence[object] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _bounds(old: Schema, new: Schema, where: str, way: Way) -> Iterator[Change]:
    for words, sign in ((LOWER, 1), (UPPER, -1)):
        for word in words:
            was, now = old.get(word), new.get(word)
            if was == now:
                continue
            narrower = now is not None and (was is None or (now - was) * sign > 0)
            message = f"{word} was {_bound(was)}, and is {_bound(now)} now."
            safe = narrower is (way is Way.SENT)
            if safe or way is Way.TAKEN:
                yield _graded(safe, "BOUND_CHANGED", where, message, way)
            else:  # few clients count
                yield Change(
                    Severity.DANGEROUS, "BOUND_CHANGED", where, message, "Clients may receive what they never saw."
                )


def _bound(said: object) -> object:
    return "not said" if said is None else said


def _graded(safe: bool, code: str, where: str, message: str, way: Way) -> Change:
    why = "What clients send may be refused." if way is Way.TAKEN else "Clients may receive what they did not expect."
    return Change(Severity.SAFE if safe else Severity.BREAKING, code, where, message, "" if safe else why)
