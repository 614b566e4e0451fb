"""What an operation may answer: its statuses, their bodies and headers, from its route and the catalogue of errors."""

from collections.abc import Sequence
from typing import Any

from app.http.catalogue import CATALOGUE
from app.http.problem import PROBLEM, Problem
from app.rest.openapi.examples import EXPORTED, answered, answered_partly, legacy_error, problem_error
from app.rest.openapi.headers import header
from app.rest.openapi.schemas import Document, Schemas
from app.rest.render import LegacyErrorBody, Meta
from app.rest.route import JSON, SUCCESS, Route
from app.rest.version import Version

ALWAYS = ("VALIDATION_ERROR", "UNAUTHENTICATED", "FORBIDDEN", "NOT_ACCEPTABLE", "URI_TOO_LONG", "RATE_LIMITED",
          "HEADERS_TOO_LARGE", "INTERNAL_ERROR", "UNAVAILABLE")  # fmt: skip
WITH_BODY = ("INVALID_JSON", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")
WITH_KEY = ("IDEMPOTENCY_IN_PROGRESS", "IDEMPOTENCY_KEY_REUSED")
PARTLY = "Some was refused; where all or none were to be done, the others are `UNDONE`."
UNCOUNTED = {400, 401, 414, 431, 500, 503}  # may be said before the rate limit was asked


def is_list(route: Route[Any, Any]) -> bool:
    return route.method == "GET" and bool(route.beside)


def keyed(route: Route[Any, Any]) -> bool:
    """May it have an Idempotency-Key?"""
    return route.method != "GET"


def tags(version: Version, route: Route[Any, Any]) -> bool:
    """Do its answers carry an entity tag? v1's lists do not, nor does what is of no one feature."""
    if route.answer is None or route.partly or route.answers != SUCCESS:
        return False
    return not (version.legacy and is_list(route))


def codes_of(route: Route[Any, Any]) -> list[str]:
    """Of every error that it may answer."""
    one = "{" in route.path
    codes = [*ALWAYS, *route.conflicts]
    codes += WITH_BODY if route.body is not None else ()
    codes = [code for code in codes if code != "INVALID_JSON" or route.body is not bytes]
    codes += WITH_KEY if keyed(route) else ()
    codes += ["NOT_FOUND"] if one else ()
    codes += ["STALE_VERSION"] if one and route.method != "GET" else ()
    codes += ["PRECONDITION_REQUIRED"] if route.demands else ()
    return codes


class Answers:
    """Of one version; what several operations share is put into `shared`, for `components`."""

    def __init__(self, version: Version, schemas: Schemas) -> None:
        self._version, self._schemas = version, schemas
        self.shared: dict[str, Document] = {}

    def of(self, route: Route[Any, Any]) -> Document:
        """By status."""
        by_status: dict[int, list[str]] = {}
        for code in codes_of(route):
            by_status.setdefault(CATALOGUE[code].status, []).append(code)
        found = {str(route.status): self._success(route)}
        if route.partly:
            found["207"] = self._success(route, partly=True)
        if route.method == "GET" and tags(self._version, route):
            found["304"] = self._described("As the caller knows it: `If-None-Match` names the tag.", ["ETag"])
        for status, codes in sorted(by_status.items()):
            found[str(status)] = self._failure(route, status, codes)
        return found

    def _success(self, route: Route[Any, Any], *, partly: bool = False) -> Document:
        special = ["ETag"] if tags(self._version, route) else []
        special += ["Location"] if route.status == 201 else []
        special += ["Idempotency-Replayed"] if keyed(route) else []
        if route.answers != SUCCESS:
            return {**self._described("A line for each.", ["Content-Disposition"]), "content": EXPORTED}
        if route.answer is None:
            return self._described("Done.", special)
        kinds: dict[str, type[Any]] = {"data": route.answer, **route.beside, "meta": Meta}
        properties = {name: self._schemas.reference(kind, "serialization") for name, kind in kinds.items()}
        body = {"type": "object", "required": [*properties], "properties": properties}
        text = PARTLY if partly else "Done." if route.method != "GET" else "Found."
        example = answered_partly(route) if partly else answered(route)
        answer = self._described(text, special, is_list(route))
        return {**answer, "content": {JSON: {"schema": body, "example": example}}}

    def _failure(self, route: Route[Any, Any], status: int, codes: Sequence[str]) -> Document:
        name = f"{self._version.prefix.rpartition('/')[2]}.{'-'.join(codes)}"
        special = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}.get(status, [])
        if status == 415:
            name += "-PATCH" if route.method == "PATCH" else ""
        text = "; ".join(f"`{code}`: {CATALOGUE[code].title}" for code in codes) + "."
        answer = self._described(text, special, counted=status not in UNCOUNTED)
        if "IDEMPOTENCY_IN_PROGRESS" in codes:
            answer["headers"]["Retry-After"] = header("WhileRunning", self._version.legacy)
        content = {PROBLEM: self._body(Problem, codes, {code: problem_error(code) for code in codes})}
        if self._version.legacy:
            content = {
                JSON: self._body(LegacyErrorBody, codes, {code: legacy_error(code) for code in codes}),
                **content,
            }
        self.shared[name] = {**answer, "content": content}
        return {"$ref": f"#/components/responses/{name}"}

    def _body(self, kind: type[Any], codes: Sequence[str], examples: dict[str, object]) -> Document:
        shown = {code: {"summary": CATALOGUE[code].meaning, "value": examples[code]} for code in codes}
        return {"schema": self._schemas.reference(kind, "serialization"), "examples": shown}

    def _described(self, text: str, special: Sequence[str], pages: bool = False, counted: bool = True) -> Document:
        names = ["X-Request-ID", "X-API-Version", "Cache-Control", *special]
        names += ["RateLimit", "RateLimit-Policy"] if counted else []
        names += ["Deprecation", "Link"] if self._version.legacy else []
        found = {name: header(name, self._version.legacy) for name in names}
        if self._version.legacy:
            found["Sunset"] = header("Sunset", legacy=True)
        elif pages:
            found["Link"] = header("Link", legacy=False)
        return {"description": text, "headers": found}
