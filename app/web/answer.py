"""What is answered, and with which status (GraphQL over HTTP §5.4); headers and caches are `respond`'s business."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from app.engine.operation import RequestError
from app.kernel.errors import (
    BadUserInput,
    DomainError,
    QueryTooComplex,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from app.kernel.key_errors import KeyInProgress
from app.web import errors
from app.http.refused import NONE, Refused

log = structlog.get_logger()

UNREADABLE = 400  # of a document that does not parse


@dataclass(frozen=True, slots=True)
class Statuses:
    """What the standard leaves open, or recommends differently from edition to edition."""

    validation: int = 422  # what does not validate, is too complex, or has no such operation or variable
    partial: int = 200  # data with errors beside them


@dataclass(slots=True)
class Answer:
    """`kept`: asked for by the id of a document, and without an error, so that caches may keep it."""

    status: int
    body: Any
    headers: Mapping[str, str] = NONE
    kept: bool = False


class Answers:
    """`legacy`: the media type is application/json, of which a client trusts nothing but 200: so is every well-formed
    request answered, save those that the server as such turns away (401, 403, 405, 429, 503)."""

    def __init__(self, statuses: Statuses) -> None:
        self._statuses = statuses

    def of(
        self, data: Any, failures: list[errors.Formatted], extensions: Mapping[str, object] | None, legacy: bool
    ) -> Answer:
        """Of an operation that was run."""
        body = {"errors": failures, "data": data} if failures else {"data": data}
        if extensions is not None:
            body["extensions"] = extensions
        return Answer(200 if legacy or not failures else self._statuses.partial, body)

    def of_refusals(self, refusals: list[errors.Formatted], legacy: bool) -> Answer:
        """Of a document that does not validate, or of variables that do not fit it."""
        return Answer(200 if legacy else self._statuses.validation, {"errors": refusals})

    def to(self, error: Exception, legacy: bool, incident: str) -> Answer:
        """Whatever was raised; what is no refusal of ours is logged and masked."""
        if isinstance(error, RequestError):
            refusals = errors.format_refusals(error.errors, error.phase)
            if error.phase == "parse" and not legacy:
                return Answer(UNREADABLE, {"errors": refusals})
            return self.of_refusals(refusals, legacy)
        if isinstance(error, Refused):
            status = 200 if legacy and error.well_formed else error.status
            return Answer(status, _one(errors.bad_request(error.message, error.code)), error.headers)
        if isinstance(error, QueryTooComplex):
            return self.of_refusals([errors.refusal(error)], legacy)
        if isinstance(error, DomainError):
            return _turned_away(error)
        log.error("request failed", exc_info=error)
        return Answer(500, _one(errors.internal(incident)))


def _turned_away(error: DomainError) -> Answer:
    body = _one(errors.refusal(error))
    if isinstance(error, Unauthenticated):
        return Answer(401, body, {"www-authenticate": 'Bearer error="invalid_token"'})
    if isinstance(error, RateLimited):
        return Answer(429, body)  # when to come again is among the headers of every answer
    if isinstance(error, Unavailable):
        return Answer(503, body, {"retry-after": str(error.retry_after)})
    if isinstance(error, KeyInProgress):
        return Answer(409, body, {"retry-after": str(error.retry_after)})
    return Answer(400 if isinstance(error, BadUserInput) else 422, body)


def _one(error: errors.Formatted) -> dict[str, Any]:
    return {"errors": [error]}
