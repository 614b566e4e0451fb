"""GraphQL errors as clients see them: every one has a code; what we did not expect is masked and logged once."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from graphql import GraphQLError

from app.kernel.errors import DomainError

log = structlog.get_logger()

CODE_OF_PHASE: Mapping[str, str] = {
    "parse": "GRAPHQL_PARSE_FAILED",
    "validate": "GRAPHQL_VALIDATION_FAILED",
    "limits": "QUERY_TOO_COMPLEX",
    "operation": "BAD_USER_INPUT",
}

type Formatted = dict[str, Any]


def format_refusals(errors: Sequence[GraphQLError], phase: str) -> list[Formatted]:
    """Errors of a request that was never run."""
    return [
        _formatted(error, error.message, {"code": CODE_OF_PHASE[phase], **(error.extensions or {})}) for error in errors
    ]


def format_failures(errors: Sequence[GraphQLError], incident: str) -> list[Formatted]:
    """Errors of a request that was run, at their paths."""
    return [_failure(error, incident) for error in errors]


def refusal(error: DomainError) -> Formatted:
    """An expected failure that concerns the request as a whole."""
    return {"message": error.message, "extensions": {"code": error.code, **error.facts}}


def bad_request(message: str, code: str = "BAD_REQUEST") -> Formatted:
    return {"message": message, "extensions": {"code": code}}


def internal(incident: str) -> Formatted:
    """Nothing of the cause is told; whoever runs the server finds it by the id."""
    return {
        "message": f"Something went wrong on our side. Whoever runs this server finds the cause by the id {incident}.",
        "extensions": {"code": "INTERNAL", "traceId": incident},
    }


def _failure(error: GraphQLError, incident: str) -> Formatted:
    cause = cause_of(error)
    if cause is None:  # graphql-core's own complaint about a variable or an argument
        return _formatted(error, error.message, {"code": "BAD_USER_INPUT", **(error.extensions or {})})
    if isinstance(cause, DomainError):
        return _formatted(error, cause.message, {"code": cause.code, **cause.facts})
    log.error("resolver failed", path=error.path, exc_info=cause)
    masked = internal(incident)
    return _formatted(error, masked["message"], masked["extensions"])


def cause_of(error: GraphQLError) -> Exception | None:
    """What a resolver raised; None where graphql-core itself complains."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _formatted(error: GraphQLError, message: str, extensions: Mapping[str, Any]) -> Formatted:
    formatted: Formatted = {"message": message}
    if error.locations:
        formatted["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path is not None:
        formatted["path"] = error.path
    return {**formatted, "extensions": extensions}
