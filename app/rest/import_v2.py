"""/api/v2/features/import: creates what the lines of a document say, and tells of every line that is bad."""

from io import BytesIO
from itertools import batched
from typing import Annotated, Literal, TypedDict

from pydantic import Field

from app.domain.feature import rules
from app.http.body import media_type
from app.http.refused import Refused
from app.kernel.errors import Unavailable
from app.rest.feature_v2 import PATH
from app.rest.import_lines import MEDIA, lines
from app.rest.imported import BATCH, BadLine, bad_line, write
from app.rest.route import Answer, Call, Refuses, Route

MAX_LINES = 10_000


class ImportQuery(Refuses):
    dry_run: Annotated[Literal["true", "false"], Field(description="Look at every line, and write nothing.")] = "false"


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
    for batch in batched(lines(BytesIO(call.body), media), BATCH):
        refusals = await write(call.context.feature, batch, dry=dry)
        call.context.security_event.denied_among(refusals)
        for (number, _), refusal in zip(batch, refusals, strict=True):
            if refusal is None:
                good += 1
            else:
                bad.append(bad_line(number, refusal))
        if any(isinstance(refusal, Unavailable) for refusal in refusals):
            break  # the rest would wait for the database, line by line
    report: ImportedV2 = {"dry_run": dry, "lines": good, "bad_lines": bad}
    return Answer(207 if bad else 200, report, done=good > 0 and not dry)


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
