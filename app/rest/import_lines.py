"""A document of many features, JSON Lines or CSV, line by line: what each says, or what is wrong with it."""

import csv
from collections.abc import Iterator
from io import TextIOWrapper
from typing import Annotated, Any, BinaryIO, Literal
from uuid import UUID

from pydantic import Field

from app.domain.feature.bulk import Creation
from app.domain.feature.inputs import FeatureDraft
from app.http.refused import Refused
from app.kernel.ids import UserId
from app.rest.cells import unguarded
from app.rest.feature_body import NewFeature, read_body
from app.rest.read import Invalid, read_json
from app.rest.route import Refuses

LONGEST = 1_000_000  # bytes of a line of JSON; of a cell of CSV, 131,072 characters: Python's own limit
CSV = "text/csv"
MEDIA = ("application/jsonl", "application/x-ndjson", CSV)

Exported = Annotated[object, Field(description="As an export has it; not looked at.")]


class LineV2(NewFeature, Refuses):
    """As an export writes it, or with nothing but a name. What is new is active, whatever it was where it came from."""

    owner_id: Annotated[UUID | None, Field(strict=False, description="Whose it shall be; absent: yours.")] = None
    status: Literal["active"] | None = None
    id: Exported = None
    category: Exported = None
    tags: Exported = None
    version: Exported = None
    created_at: Exported = None
    updated_at: Exported = None
    deleted_at: Exported = None

    def item(self) -> Creation:
        owner_id = None if self.owner_id is None else UserId(self.owner_id)
        return Creation(FeatureDraft(self.name, self.description, self.metadata, owner_id))


type Line = tuple[int, Creation | Invalid | Refused]  # with its number, from 1; of several lines the first one's


def lines(file: BinaryIO, media: str) -> Iterator[Line]:
    """Each that is not empty, read as it is asked for. Where CSV cannot be read on, that is told at the last one."""
    return _csv(file) if media == CSV else _json(file)


def _json(file: BinaryIO) -> Iterator[Line]:
    number = 0
    while line := file.readline(LONGEST + 1):
        number += 1
        if len(line) > LONGEST and not line.endswith(b"\n"):
            while (rest := file.readline(LONGEST)) and not rest.endswith(b"\n"):
                continue
            yield number, Refused(413, "PAYLOAD_TOO_LARGE", f"The line has more than {LONGEST} bytes.")
        elif line := line.strip(b" \t\r\n"):
            try:
                yield number, _creation(read_json(line))
            except (Invalid, Refused) as error:
                yield number, error


def _csv(file: BinaryIO) -> Iterator[Line]:
    text = TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")  # what is not UTF-8 is told by line
    rows = csv.reader(text, strict=True)
    number = 1
    try:
        names = next(rows, [])
        if len(set(names)) < len(names):
            yield 1, _unreadable("a column stands twice in the header")
            return
        while True:
            number = rows.line_num + 1
            row = next(rows, None)
            if row is None:
                return
            if row:
                yield number, _row(names, row)
    except csv.Error as error:
        yield number, _unreadable(str(error))
    finally:
        text.detach()  # the file is not ours to close


def _row(names: list[str], cells: list[str]) -> Creation | Invalid | Refused:
    if not _is_text(cells):
        return _unreadable("it is not UTF-8")
    if len(cells) != len(names):
        return _unreadable(f"it has {len(cells)} cells, and the header {len(names)}")
    found: dict[str, Any] = {name: unguarded(cell) for name, cell in zip(names, cells, strict=True) if cell}
    try:
        if "metadata" in found:
            found["metadata"] = _metadata(found["metadata"])
        return _creation(found)
    except (Invalid, Refused) as error:
        return error


def _is_text(cells: list[str]) -> bool:
    """No byte of them came by `surrogateescape`."""
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True


def _metadata(cell: str) -> object:
    try:
        return read_json(cell.encode())
    except Refused:
        message = "`metadata` must be a JSON object."
        raise Invalid([{"field": "metadata", "issue": "type", "message": message}]) from None


def _creation(document: object) -> Creation:
    """Raises Invalid."""
    return read_body(document, LineV2).item()


def _unreadable(reason: str) -> Refused:
    return Refused(400, "BAD_REQUEST", f"The line cannot be read as CSV: {reason}.")
