"""Lines of an import as they are written, some at a time, and how one that is bad is told of."""

from collections.abc import Iterator
from typing import NotRequired, TypedDict

from app.domain.feature.bulk import Creation, Outcome
from app.domain.feature.model import Feature
from app.domain.feature.service import FeatureService
from app.http.problem import Detail
from app.http.refused import Refused
from app.kernel.errors import DomainError
from app.rest.failure import failure_of
from app.rest.import_lines import Line
from app.rest.read import Invalid

BATCH = 200  # lines that are read, and then written, before the next are

type Refusal = Invalid | Refused | DomainError


class BadLine(TypedDict):
    """`line` counts from 1; `errors` are its bad fields."""

    line: int
    code: str
    message: str
    errors: NotRequired[list[Detail]]


async def write(service: FeatureService, batch: tuple[Line, ...], *, dry: bool) -> list[Refusal | None]:
    """One per line, in order; `dry`: by what can be told before anything is read."""
    items = [found for _, found in batch if isinstance(found, Creation)]
    if dry:
        told: Iterator[DomainError | None] = iter([_checked(service, item) for item in items])
    else:
        told = map(_refusal, await service.change_many(items, atomic=False))
    return [next(told) if isinstance(found, Creation) else found for _, found in batch]


def bad_line(number: int, refusal: Refusal) -> BadLine:
    failure = failure_of(refusal, token_sent=True)
    line: BadLine = {"line": number, "code": failure.code, "message": failure.message}
    if failure.details:
        line["errors"] = failure.details
    return line


def _refusal(outcome: Outcome) -> DomainError | None:
    return None if isinstance(outcome, Feature) else outcome


def _checked(service: FeatureService, item: Creation) -> DomainError | None:
    try:
        service.check(item)
    except DomainError as error:
        return error
    return None
