"""Query strings and bodies into models; whatever is wrong with them is said field by field."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, BeforeValidator, ValidationError

from app.http.problem import Detail
from app.http.refused import Refused

TAG = "="  # begins the tags of unions, which are no part of what was sent
LONGEST = 100  # characters of a name that are told back
FIELDS = 100  # parameters of a query string at most
LISTS_FIELDS = 300  # where some are lists: two of labels, and whatever else there is
ISSUES: Mapping[str, str] = {
    "missing": "required",
    "extra_forbidden": "unknown",
    "greater_than_equal": "range",
    "less_than_equal": "range",
    "string_too_long": "max_length",
    "too_long": "max_length",
    "too_short": "min_length",
    "literal_error": "format",
    "uuid_parsing": "format",
    "once": "format",
    "null": "required",
}  # by pydantic's kinds of error; any other is of the type
TYPES: Mapping[str, str] = {
    "string_type": "a string",
    "dict_type": "an object",
    "model_type": "an object",
    "list_type": "a list",
    "version": "a version, a whole number from 1 on, or *",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "uuid_type": "a UUID",
    "uuid_parsing": "a UUID",
    "bool_parsing": "true or false",
}


class Invalid(Exception):
    """The request has these bad fields, one at the least."""

    def __init__(self, details: list[Detail]) -> None:
        super().__init__(details[0]["message"])
        self.details = details


def _whole(text: object) -> object:
    """Digits alone: pydantic takes `1_0`, ` 10 ` and `1.0` too."""
    plain = isinstance(text, str) and len(text) <= 9 and text.removeprefix("-").isdecimal() and text.isascii()
    return int(text) if plain and isinstance(text, str) else None


Number = Annotated[int, BeforeValidator(_whole)]  # in a query string


@lru_cache(maxsize=1024)
def _remembered[M: BaseModel](query: bytes, model: type[M]) -> M:
    return _read_query(query, model)


def read_query[M: BaseModel](query: bytes, model: type[M]) -> M:
    """Raises Invalid. A parameter that is no list comes once; one that is empty counts as not sent."""
    return _remembered(query, model) if len(query) <= 200 else _read_query(query, model)


def _read_query[M: BaseModel](query: bytes, model: type[M]) -> M:
    found: dict[str, Any] = {}
    lists = any(isinstance(known.default, tuple) for known in model.model_fields.values())
    for name, value in pairs_of(query, LISTS_FIELDS if lists else FIELDS):
        if value:
            found.setdefault(name, []).append(value)
    details: list[Detail] = []
    for name, values in found.items():
        known = model.model_fields.get(name)
        if known is not None and isinstance(known.default, tuple):
            continue
        found[name] = values[0]
        if known is not None and len(values) > 1:
            details.append({"field": name, "issue": "format", "message": f"`{name}` must be sent once."})
    try:
        read = model.model_validate(found)
    except ValidationError as error:
        details += details_of(error)
    if details:
        raise Invalid(details)
    return read


def pairs_of(query: bytes, most: int = LISTS_FIELDS) -> list[tuple[str, str]]:
    """Raises Invalid."""
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=most)
    except ValueError:
        text = f"The query string must be `name=value` pairs, percent-encoded in UTF-8, {most} at most."
        raise Invalid([{"field": "", "issue": "format", "message": text}]) from None


def read_json(text: bytes) -> Any:
    """Raises Refused for what is no JSON, and for a key that stands twice in one object."""
    if not text:
        raise _no_json("The body is empty: send a JSON object.")
    try:
        document = orjson.loads(text)
        if not _plainly_once(text, document):
            STRICT.decode(text.decode())  # which is thrown away: orjson keeps the last of two
    except json.JSONDecodeError as error:  # orjson's own is one, too
        raise _no_json(f"The body is no valid JSON: line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise _no_json("The body is nested too deeply.") from None
    return document


def _plainly_once(text: bytes, document: object) -> bool:
    """Does no key stand twice? Without backslashes a string has two quotation marks and no more, and a key that was
    dropped would have taken its two along; this takes a third of the time that looking takes. False: who knows."""
    if b"\\" in text:
        return False
    try:
        return orjson.dumps(document).count(b'"') == text.count(b'"')
    except TypeError:  # nested more deeply than it writes
        return False


def _once(pairs: list[tuple[str, object]]) -> None:
    """Two of a key could mean two things."""
    if len(pairs) > 1 and len({name for name, _ in pairs}) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _no_json(f"The key `{twice[:LONGEST]}` stands twice in one object.")


STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_int=float)  # as a float no number is too long


def _no_json(message: str) -> Refused:
    return Refused(400, "INVALID_JSON", message)


def details_of(error: ValidationError) -> list[Detail]:
    """In the order of the model's fields, then those that it does not know."""
    return [_detail(fault) for fault in error.errors(include_url=False, include_input=False)]


def _detail(fault: Any) -> Detail:
    kind, field = fault["type"], ".".join(_sent(fault["loc"]))[:LONGEST]
    if not field:
        return {"field": "", "issue": "type", "message": "The body must be a JSON object."}
    return {"field": field, "issue": ISSUES.get(kind, "type"), "message": f"`{field}` {_said(kind, fault)}."}


def _sent(place: Sequence[str | int]) -> Iterator[str]:
    """The place without the tag of a union, which stands behind a number."""
    before: str | int = ""
    for part in place:
        if not (isinstance(before, int) and isinstance(part, str) and part.startswith(TAG)):
            yield str(part)
        before = part


def _said(kind: str, fault: Any) -> str:
    """Our own words: pydantic's change from release to release, and callers' tests compare them."""
    match kind:
        case "missing":
            return "is required"
        case "null":
            return "must not be null"
        case "extra_forbidden":
            return "is not known here"
        case "literal_error":
            return f"must be one of {fault['ctx']['expected'].replace(chr(39), '')}"
        case "string_too_long":
            return f"must have at most {fault['ctx']['max_length']} characters"
        case "too_long":
            return f"must have at most {fault['ctx']['max_length']} items"
        case "too_short":
            return f"must have at least {fault['ctx']['min_length']} item"
        case "greater_than_equal":
            return f"must be at least {fault['ctx']['ge']}"
        case "less_than_equal":
            return f"must be at most {fault['ctx']['le']}"
        case _:
            return f"must be {TYPES.get(kind, 'of another type')}"
