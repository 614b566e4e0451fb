"""/api/v2/features/import: creates what the lines of a document say, and tells of every line that is bad."""

from collections.abc import Iterator
from itertools import batched
from typing import Annotated, Literal, NotRequired, TypedDict

from pydantic import Field

from app.domain.feature import rules
from app.domain.feature.bulk import Creation, Outcome
from app.domain.feature.model import Feature
from app.domain.feature.service import FeatureService
from app.http.body import media_type
from app.http.problem import Detail
from app.http.refused import Refused
from app.kernel.errors import DomainError, Unavailable
from app.rest.failure import failure_of
from app.rest.feature_v2 import PATH
from app.rest.import_lines import MEDIA, Line, lines
from app.rest.read import Invalid
from app.rest.route import Answer, Call, Refuses, Route

MAX_LINES = 10_000
BATCH = 200  # lines that are read, and then written, before the next are

type Refusal = Invalid | Refused | DomainError


class ImportQuery(Refuses):
    dry_run: Annotated[Literal["true", "false"], Field(description="Look at every line, and write nothing.")] = "false"


class BadLine(TypedDict):
    """`line` counts from 1; `errors` are its bad fields."""

    line: int
    code: str
    message: str
    errors: NotRequired[list[Detail]]


class ImportedV2(TypedDict):
    """`lines` are those that are good: created, or with `dry_run` not refused by what is known without the database."""

    dry_run: bool
    lines: int
    bad_lines: list[BadLine]


async def import_lines(call: Call[ImportQuery, bytes]) -> Answer:
    """207 where a line is bad; the others are written all the same."""
    if call.body.count(b"\n") > MAX_LINES:
        raise Refused(413, "PAYLOAD_TOO_LARGE", f"The document must have at most {MAX_LINES} lines: send it in parts.")
    dry = call.query.dry_run == "true"
    good, bad = 0, list[BadLine]()
    media = media_type(call.headers.get(b"content-type", "")) or ""
    for batch in batched(lines(call.body, media), BATCH):
        refusals = await _done(call, batch, dry=dry)
        call.context.security_event.denied_among(refusals)
        for (number, _), refusal in zip(batch, refusals, strict=True):
            if refusal is None:
                good += 1
            else:
                bad.append(_bad(number, refusal))
        if any(isinstance(refusal, Unavailable) for refusal in refusals):
            break  # the rest would wait for the database, line by line
    report: ImportedV2 = {"dry_run": dry, "lines": good, "bad_lines": bad}
    return Answer(207 if bad else 200, report, done=good > 0 and not dry)


async def _done(call: Call[ImportQuery, bytes], batch: tuple[Line, ...], *, dry: bool) -> list[Refusal | None]:
    """One per line, in order."""
    service = call.context.feature
    items = [found for _, found in batch if isinstance(found, Creation)]
    if dry:
        told: Iterator[DomainError | None] = iter([_checked(service, item) for item in items])
    else:
        told = map(_refusal, await service.change_many(items, atomic=False))
    return [next(told) if isinstance(found, Creation) else found for _, found in batch]


def _refusal(outcome: Outcome) -> DomainError | None:
    return None if isinstance(outcome, Feature) else outcome


def _checked(service: FeatureService, item: Creation) -> DomainError | None:
    try:
        service.check(item)
    except DomainError as error:
        return error
    return None


def _bad(number: int, refusal: Refusal) -> BadLine:
    failure = failure_of(refusal, token_sent=True)
    line: BadLine = {"line": number, "code": failure.code, "message": failure.message}
    if failure.details:
        line["errors"] = failure.details
    return line


ROUTES = (
    Route(
        "POST",
        f"{PATH}/import",
        "Create the features of a document",
        import_lines,
        ImportQuery,
        ImportedV2,
        bytes,
        200,
        rules.CREATE,
        media=MEDIA,
        partly=True,
    ),
)
