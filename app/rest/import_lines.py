"""A document of many features, JSON Lines or CSV, line by line: what each says, or what is wrong with it."""

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Annotated, Any, Literal
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


def lines(text: bytes, media: str) -> Iterator[Line]:
    """Each that is not empty. Where CSV cannot be read on, that is told at the last one."""
    return _csv(text) if media == CSV else _json(text)


def _json(text: bytes) -> Iterator[Line]:
    start, number = 0, 0
    while start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        number += 1
        line = text[start:end].strip(b" \t\r")
        start = end + 1
        if line:
            try:
                yield number, _creation(read_json(line))
            except (Invalid, Refused) as error:
                yield number, error


def _csv(text: bytes) -> Iterator[Line]:
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError:
        yield 1, _unreadable("it is not UTF-8")
        return
    rows = csv.reader(StringIO(decoded, newline=""), strict=True)
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


def _row(names: list[str], cells: list[str]) -> Creation | Invalid | Refused:
    if len(cells) != len(names):
        return _unreadable(f"it has {len(cells)} cells, and the header {len(names)}")
    found: dict[str, Any] = {name: unguarded(cell) for name, cell in zip(names, cells, strict=True) if cell}
    try:
        if "metadata" in found:
            found["metadata"] = _metadata(found["metadata"])
        return _creation(found)
    except (Invalid, Refused) as error:
        return error


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
