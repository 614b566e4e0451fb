"""The part of the OpenAPI document on /auth, made of what its handlers take and answer with.

Single sign-on is not in it: browsers are led there and back, nobody calls it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.http.catalogue import CATALOGUE
from app.http.problem import PROBLEM
from app.rest.openapi.headers import header, of_path, parameter
from app.rest.openapi.schemas import Document, Part, Schemas
from app.web.problem import PlainProblem, body_of
from app.web.session import ROUTES
from app.web.session_shapes import LoginBody, OwnSessions, TokenBody, Tokens

JSON = "application/json"
TAG = "auth"
ABOUT = "Tokens for an email and a password, and the sessions that they belong to. A refresh token is spent by its use."
LOGIN, REFRESH, LOGOUT, SESSIONS, ONE = ROUTES
WITH_BODY = ("BAD_REQUEST", "VALIDATION_ERROR", "UNAUTHENTICATED", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE",
             "RATE_LIMITED", "INTERNAL_ERROR", "UNAVAILABLE")  # fmt: skip
WITH_TOKEN = ("BAD_REQUEST", "UNAUTHENTICATED", "FORBIDDEN", "INTERNAL_ERROR", "UNAVAILABLE")
BEARER: Document = {"bearer": []}
NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
REQUEST = "0f8fad5bd9cb469fa16570867728950e"
TOKENS: Tokens = {
    "access_token": "eyJ…",
    "token_type": "Bearer",
    "expires_in": 900,
    "refresh_token": "k3V…",
    "refresh_expires_in": 2_592_000,
}
MINE: OwnSessions = {
    "sessions": [
        {
            "id": "01928c3e-7a4b-7c11-9d2e-0b6f5a1c2d3e",
            "created_at": NOW,
            "last_used_at": NOW,
            "expires_at": NOW.replace(month=2),
            "user_agent": "curl/8.5.0",
            "address": "192.0.2.1",
            "current": True,
        }
    ]
}
PASSWORD: LoginBody = {"email": "grace@example.org", "password": "nine hundred harvest moons"}
TOKEN: TokenBody = {"refresh_token": "k3V…"}


@dataclass(frozen=True, slots=True)
class _Call:
    """`security`: any of these; none: nobody is asked for anything."""

    method: str
    path: str
    name: str
    summary: str
    security: Sequence[Document]
    codes: Sequence[str]
    body: tuple[type, object] | None = None
    answer: tuple[type, object] | None = None  # None: 204


CALLS = (
    _Call("post", LOGIN, "login", "Log in", [], WITH_BODY, (LoginBody, PASSWORD), (Tokens, TOKENS)),
    _Call("post", REFRESH, "refresh", "Get new tokens", [], WITH_BODY, (TokenBody, TOKEN), (Tokens, TOKENS)),
    _Call("post", LOGOUT, "logout", "End a session, by its refresh token or by its access token", [{}, BEARER],
          WITH_BODY, (TokenBody, TOKEN)),
    _Call("get", SESSIONS, "list_sessions", "Your sessions that live", [BEARER], WITH_TOKEN, None,
          (OwnSessions, MINE)),
    _Call("delete", ONE, "revoke_session", "End a session of yours; an administrator anybody's", [BEARER],
          (*WITH_TOKEN, "NOT_FOUND")),
)  # fmt: skip


def auth_part(schemas: Schemas) -> Part:
    paths: dict[str, Document] = {}
    responses: dict[str, Document] = {}
    for call in CALLS:
        found = paths.setdefault(call.path, {"parameters": [parameter("RequestId")]})
        if "{" in call.path and len(found["parameters"]) == 1:
            found["parameters"].insert(0, of_path("id"))
        found[call.method] = _operation(call, schemas, responses)
    return Part(TAG, ABOUT, paths, responses)


def _operation(call: _Call, schemas: Schemas, shared: dict[str, Document]) -> Document:
    found: Document = {
        "operationId": f"{TAG}_{call.name}",
        "summary": call.summary,
        "tags": [TAG],
        "security": [*call.security],
    }
    if call.body is not None:
        kind, example = call.body
        content = {"schema": schemas.reference(kind, "validation"), "example": example}
        found["requestBody"] = {"required": True, "content": {JSON: content}}
    answers: dict[str, Document] = {"204": _described("Done.")}
    if call.answer is not None:
        kind, example = call.answer
        content = {"schema": schemas.reference(kind, "serialization"), "example": example}
        answers = {"200": {**_described("Done." if call.method == "post" else "Found."), "content": {JSON: content}}}
    for status in sorted({CATALOGUE[code].status for code in call.codes}):
        codes = [code for code in call.codes if CATALOGUE[code].status == status]
        name = f"{TAG}.{'-'.join(codes)}"
        shared[name] = _failure(status, codes, schemas)
        answers[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return {**found, "responses": answers}


def _failure(status: int, codes: Sequence[str], schemas: Schemas) -> Document:
    special = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}.get(status, [])
    text = "; ".join(f"`{code}`: {CATALOGUE[code].title}" for code in codes) + "."
    shown = {
        code: {"summary": CATALOGUE[code].meaning, "value": body_of(code, CATALOGUE[code].meaning, [], REQUEST)}
        for code in codes
    }
    schema = schemas.reference(PlainProblem, "serialization")
    return {**_described(text, special), "content": {PROBLEM: {"schema": schema, "examples": shown}}}


def _described(text: str, special: Sequence[str] = ()) -> Document:
    names = ("X-Request-ID", "Cache-Control", *special)
    return {"description": text, "headers": {name: header(name, legacy=False) for name in names}}
