"""Whatever was raised, as REST tells it; both versions say the same in forms of their own."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from app.http.catalogue import CATALOGUE
from app.http.problem import Detail
from app.http.refused import NONE, Refused
from app.kernel import errors
from app.kernel.key_errors import KeyInProgress
from app.rest.read import Invalid

MOST = 20  # bad fields that are told of

log = structlog.get_logger()

CODES: Mapping[str, str] = {"BAD_USER_INPUT": "VALIDATION_ERROR", "BAD_REQUEST": "VALIDATION_ERROR"}
FIELDS: Mapping[str, str] = {"ownerId": "owner_id"}  # words of the domain that REST has others for


@dataclass(frozen=True, slots=True)
class Failure:
    code: str
    message: str
    details: list[Detail]
    headers: Mapping[str, str] = NONE

    @property
    def status(self) -> int:
        return CATALOGUE[self.code].status


def failure_of(error: Exception, token_sent: bool) -> Failure:
    """What is no refusal of ours is logged and masked."""
    if isinstance(error, Invalid):
        return _invalid(error.details)
    if isinstance(error, errors.InvalidInput):
        return _invalid([detail_of(problem) for problem in error.problems])
    if isinstance(error, Refused):
        return Failure(CODES.get(error.code, error.code), error.message, [], error.headers)
    if isinstance(error, errors.DomainError):
        return _expected(error, token_sent)
    log.error("request failed", exc_info=error)
    message = "Something went wrong on our side. Whoever runs this server finds the cause by the request's id."
    return Failure("INTERNAL_ERROR", message, [])


def _expected(error: errors.DomainError, token_sent: bool) -> Failure:
    match error:
        case errors.BadUserInput():
            return _invalid([{"field": _field(error.path or ()), "issue": "format", "message": error.message}])
        case errors.Unauthenticated():
            challenge = 'Bearer error="invalid_token"' if token_sent else "Bearer"
            return Failure(error.code, error.message, [], {"www-authenticate": challenge})
        case errors.StaleVersion():
            current = error.current_version
            return Failure(error.code, f"`If-Match` does not name the current version, which is {current}.", [])
        case errors.Unavailable() | KeyInProgress():  # of a rate limit the decision says when
            return Failure(error.code, error.message, [], {"retry-after": str(error.retry_after)})
        case _:
            return Failure(CODES.get(error.code, error.code), error.message, [])


def _invalid(details: list[Detail]) -> Failure:
    told = details[:MOST]
    return Failure("VALIDATION_ERROR", " ".join(dict.fromkeys(detail["message"] for detail in told)), told)


def detail_of(problem: errors.Problem) -> Detail:
    return {"field": _field(problem.path), "issue": problem.issue.lower(), "message": problem.message}


def _field(path: errors.Path) -> str:
    return ".".join(FIELDS.get(part, part) for part in path)
