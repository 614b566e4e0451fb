"""A JSON object of strings, read strictly: nothing unknown, nothing twice, nothing of another type."""

import json
from collections.abc import Sequence
from typing import Any

import orjson

from app.kernel.errors import InvalidInput, Problem
from app.http.refused import Refused

LONGEST_NAME = 50  # characters of an unknown field's name that are told back


def strings_of(body: bytes, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, str]:
    """Raises Refused for what is no JSON (or has a field twice), InvalidInput for what is not these fields."""
    document = _parsed(body)
    if not isinstance(document, dict):
        raise InvalidInput([Problem((), "TYPE", "The body must be a JSON object.")])
    problems = [
        Problem((name[:LONGEST_NAME],), "FORMAT", f"There is no field `{name[:LONGEST_NAME]}` here.")
        for name in document
        if name not in (*required, *optional)
    ][:10]
    for name in required:
        if document.get(name) is None:
            problems.append(Problem((name,), "REQUIRED", f"`{name}` is missing."))
    for name, found in document.items():
        if name in (*required, *optional) and found is not None and not isinstance(found, str):
            problems.append(Problem((name,), "TYPE", f"`{name}` must be a string."))
    if problems:
        raise InvalidInput(problems)
    return {name: found for name, found in document.items() if found is not None}


def _parsed(body: bytes) -> Any:
    try:
        found = orjson.loads(body)
        # orjson keeps the last of two fields of one name, and a proxy that looked at the first would have seen another
        # request. What is read here is thrown away.
        json.loads(body, object_pairs_hook=_refuse_twice, parse_int=float)
    except orjson.JSONDecodeError as error:
        raise Refused(400, "BAD_REQUEST", f"The body is no valid JSON: {error.msg}.") from None
    except (ValueError, RecursionError):
        raise Refused(400, "BAD_REQUEST", "The body is no valid JSON, or nested too deeply.") from None
    return found


def _refuse_twice(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise Refused(400, "BAD_REQUEST", "The body has a field twice: send each once.")
