"""Problem details (RFC 9457): the body of every error but those of GraphQL and of REST v1."""

from typing import NotRequired, TypedDict

from app.http.catalogue import CATALOGUE, page_of

PROBLEM = "application/problem+json"


class Detail(TypedDict):
    """One bad field; `field` is its path with dots, or the name of a parameter or header."""

    field: str
    issue: str
    message: str


class Problem(TypedDict):
    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: NotRequired[list[Detail]]
    request_id: str


def problem(code: str, message: str, instance: str, request_id: str, errors: list[Detail] | None = None) -> Problem:
    """`code` must be in the catalogue; `instance` is the path that was asked for. Without `errors` there is no list."""
    known = CATALOGUE[code]
    found: Problem = {
        "type": page_of(code),
        "title": known.title,
        "status": known.status,
        "detail": message,
        "instance": instance,
        "code": code,
        "errors": errors or [],
        "request_id": request_id,
    }
    if not errors:
        del found["errors"]
    return found
