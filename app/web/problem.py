"""Failures as `application/problem+json` (RFC 9457), for what is not GraphQL."""

from collections.abc import Mapping
from typing import TypedDict

import orjson
import structlog
from starlette.responses import Response

from app.http.catalogue import CATALOGUE, page_of
from app.http.problem import PROBLEM
from app.kernel.errors import DomainError, InvalidInput, RateLimited, Unauthenticated, Unavailable
from app.http.refused import NONE, Refused

log = structlog.get_logger()

NO_STORE = {"cache-control": "no-store"}


class Fault(TypedDict):
    """One bad field: the rule that it breaks, and the bound where there is one."""

    path: list[str | int]
    issue: str
    message: str
    limit: int | None


class PlainProblem(TypedDict):
    """Of what is neither REST nor GraphQL."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[Fault]
    request_id: str


def problem(error: Exception, request_id: str, token_sent: bool = False) -> Response:
    """Whatever was raised; what is no refusal of ours is logged and masked. `token_sent`: the caller has sent a bearer
    token, so that one which does not count is what is wrong (RFC 6750 §3.1)."""
    if isinstance(error, Refused):
        return _response(error.code, error.message, [], request_id, error.headers)
    if isinstance(error, DomainError):
        return _response(error.code, error.message, _errors(error), request_id, _headers(error, token_sent))
    log.error("request failed", exc_info=error)
    detail = f"Something went wrong on our side. Whoever runs this server finds the cause by the id {request_id}."
    return _response("INTERNAL_ERROR", detail, [], request_id, NONE)


def _headers(error: DomainError, token_sent: bool) -> Mapping[str, str]:
    if isinstance(error, Unauthenticated):
        return {"www-authenticate": 'Bearer error="invalid_token"' if token_sent else "Bearer"}
    if isinstance(error, RateLimited | Unavailable):
        return {"retry-after": str(error.retry_after)}
    return NONE


def _errors(error: DomainError) -> list[Fault]:
    if not isinstance(error, InvalidInput):
        return []
    return [
        {"path": list(found.path), "issue": found.issue, "message": found.message, "limit": found.limit}
        for found in error.problems
    ]


def _response(
    code: str, detail: str, errors: list[Fault], request_id: str, headers: Mapping[str, str]
) -> Response:
    body = body_of(code, detail, errors, request_id)
    return Response(orjson.dumps(body), body["status"], {**headers, **NO_STORE}, PROBLEM)


def body_of(code: str, detail: str, errors: list[Fault], request_id: str) -> PlainProblem:
    known = CATALOGUE[code]
    return {
        "type": page_of(code),
        "title": known.title,
        "status": known.status,
        "detail": detail,
        "code": code,
        "errors": errors,
        "request_id": request_id,
    }
