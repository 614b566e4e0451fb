"""The headers that requests may have and answers have, as components of the document."""

from typing import Any

from app.domain.idempotency.rules import HEADER, LONGEST
from app.rest.openapi.schemas import Document

TEXT = {"type": "string"}
KEY = r'^("([!#-\[\]-~]|\\["\\])+"|[!#-~][!-~]*)$'  # in quotes, or bare
# Where a day is set; where a list has neighbours; where the answer was given before; where the first still runs.
SOMETIMES = frozenset({"Sunset", "Link", "Idempotency-Replayed", "WhileRunning"})

HEADERS: dict[str, Document] = {
    "X-Request-ID": {"description": "The request's id: the caller's own, or a new one.", "schema": TEXT},
    "X-API-Version": {"description": "Of the API.", "schema": {"type": "string", "enum": ["1", "2"]}},
    "Cache-Control": {"description": "`private, no-cache` or `no-store`.", "schema": TEXT},
    "ETag": {"description": "Of an item its version, strong; of a list weak.", "schema": TEXT, "example": '"3"'},
    "Location": {
        "description": "Where it is.",
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/api/v2/features/01928c3e-7a4b-7c11-9d2e-0b6f5a1c2d3e",
    },
    "Link": {
        "description": "Where there is a page before or after: `rel` is next or prev (RFC 8288).",
        "schema": TEXT,
        "example": '</api/v2/features?first=20&after=WyJDUkVBVEVEX0FUIl0>; rel="next"',
    },
    "Successor": {
        "description": "The same in v2 (RFC 5829).",
        "schema": TEXT,
        "example": '</api/v2/features>; rel="successor-version"',
    },
    "RateLimit": {
        "description": "What is left, and the seconds until all is back.",
        "schema": TEXT,
        "example": '"rest-get";r=998;t=8',
    },
    "RateLimit-Policy": {
        "description": "How many in how many seconds.",
        "schema": TEXT,
        "example": '"rest-get";q=1000;w=3600',
    },
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}},
    "WhileRunning": {
        "description": "Seconds, where the code is `IDEMPOTENCY_IN_PROGRESS`.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Idempotency-Replayed": {
        "description": "Where the same request was answered so before, with the same `Idempotency-Key`.",
        "schema": {"type": "string", "const": "true"},
    },
    "Content-Disposition": {
        "description": "The name of a file.",
        "schema": TEXT,
        "example": 'attachment; filename="features.jsonl"',
    },
    "WWW-Authenticate": {"description": "RFC 6750.", "schema": TEXT, "example": 'Bearer error="invalid_token"'},
    "Deprecation": {"description": "Since when (RFC 9745).", "schema": TEXT, "example": "@1767225600"},
    "Sunset": {
        "description": "Until when (RFC 8594), where that is set.",
        "schema": TEXT,
        "example": "Fri, 01 Jan 2027 00:00:00 GMT",
    },
}

PARAMETERS: dict[str, Document] = {
    "RequestId": {
        "name": "X-Request-ID",
        "in": "header",
        "description": "1 to 128 of letters, digits, `.`, `_` and `-`; anything else is replaced.",
        "schema": TEXT,
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The tag that is known: 304 where it still holds.",
        "schema": TEXT,
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The tag that the change was made for, or `*`. Anything else is 412.",
        "schema": TEXT,
        "example": '"3"',
    },
    "IdempotencyKey": {
        "name": HEADER,
        "in": "header",
        "description": "A new one for each new write: who sends that again with the same key gets the answer of the "
        "first, and nothing is done twice. 1 to 255 visible characters of ASCII, in double quotes or bare.",
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": KEY},
    },
}


def components() -> Document:
    return {name: {**known, "required": name not in SOMETIMES} for name, known in HEADERS.items()}


def header(name: str, legacy: bool) -> Document:
    return {"$ref": f"#/components/headers/{'Successor' if legacy and name == 'Link' else name}"}


def parameter(name: str, *, required: bool = False) -> Document:
    return {**PARAMETERS[name], "required": True} if required else {"$ref": f"#/components/parameters/{name}"}


def of_path(name: str) -> Document:
    schema: dict[str, Any] = {"type": "string", "format": "uuid"}
    if name == "version":
        schema = {"type": "integer", "minimum": 1, "maximum": 999_999_999}
    return {"name": name, "in": "path", "required": True, "schema": schema}
