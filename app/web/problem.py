"""Failures as `application/problem+json` (RFC 9457), for what is not GraphQL."""

from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from starlette.responses import Response

from app.kernel.errors import DomainError, ErrorCode, InvalidInput, RateLimited, Unauthenticated, Unavailable
from app.http.refused import NONE, Refused

log = structlog.get_logger()

STATUSES: Mapping[ErrorCode, int] = {
    "VALIDATION_ERROR": 400,
    "BAD_USER_INPUT": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "DUPLICATE_NAME": 409,
    "FEATURE_LIMIT_EXCEEDED": 409,
    "TOKEN_LIMIT_EXCEEDED": 409,
    "DUPLICATE_EMAIL": 409,
    "LAST_ADMIN": 409,
    "INVALID_TRANSITION": 409,
    "STALE_VERSION": 412,
    "QUERY_TOO_COMPLEX": 400,
    "RATE_LIMITED": 429,
    "UNAVAILABLE": 503,
}
NO_STORE = {"cache-control": "no-store"}


def problem(error: Exception, request_id: str, token_sent: bool = False) -> Response:
    """Whatever was raised; what is no refusal of ours is logged and masked. `token_sent`: the caller has sent a bearer
    token, so that one which does not count is what is wrong (RFC 6750 §3.1)."""
    if isinstance(error, Refused):
        return _response(error.status, error.code, error.message, [], request_id, error.headers)
    if isinstance(error, DomainError):
        return _response(
            STATUSES[error.code], error.code, error.message, _errors(error), request_id, _headers(error, token_sent)
        )
    log.error("request failed", exc_info=error)
    detail = f"Something went wrong on our side. Whoever runs this server finds the cause by the id {request_id}."
    return _response(500, "INTERNAL", detail, [], request_id, NONE)


def _headers(error: DomainError, token_sent: bool) -> Mapping[str, str]:
    if isinstance(error, Unauthenticated):
        return {"www-authenticate": 'Bearer error="invalid_token"' if token_sent else "Bearer"}
    if isinstance(error, RateLimited | Unavailable):
        return {"retry-after": str(error.retry_after)}
    return NONE


def _errors(error: DomainError) -> list[dict[str, Any]]:
    if not isinstance(error, InvalidInput):
        return []
    return [
        {"path": list(found.path), "issue": found.issue, "message": found.message, "limit": found.limit}
        for found in error.problems
    ]


def _response(
    status: int,
    code: str,
    detail: str,
    errors: list[dict[str, Any]],
    request_id: str,
    headers: Mapping[str, str],
) -> Response:
    body = {
        "type": f"/errors/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "errors": errors,
        "request_id": request_id,
    }
    return Response(orjson.dumps(body), status, {**headers, **NO_STORE}, "application/problem+json")
