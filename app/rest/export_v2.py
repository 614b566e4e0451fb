"""/api/v2/features/export: all that matches, as JSON Lines or CSV, in constant memory."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import Annotated, Literal

import orjson
from pydantic import Field

from app.domain.feature.model import Feature
from app.http.accept import preferred
from app.kernel.json import embed
from app.rest.cells import line
from app.rest.feature_v2 import PATH, FilterQuery
from app.rest.route import Answer, Call, Route
from app.rest.row_v2 import FeatureV2, shape

type Format = Literal["jsonl", "csv"]

PIECE = 65_536  # bytes, as many as the server holds for a client that is slow
FORMATS: Mapping[str, Format] = {
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
    "text/csv": "csv",
}
TYPES: Mapping[Format, str] = {
    "jsonl": "application/jsonl; charset=utf-8",
    "csv": "text/csv; charset=utf-8; header=present",
}
COLUMNS = tuple(FeatureV2.__annotations__)


class ExportQuery(FilterQuery):
    format: Annotated[Format | None, Field(description="Absent: what `Accept` wants most, or else JSON Lines.")] = None


def json_line(feature: Feature) -> bytes:
    return orjson.dumps(shape(feature), embed, orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)


def csv_line(feature: Feature) -> bytes:
    """Objects and lists as JSON; what is null is empty."""
    found: dict[str, object] = {**shape(feature), "metadata": feature.metadata.text.decode()}
    return line([_cell(found[name]) for name in COLUMNS])


def _cell(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z).decode().strip('"')


LINES: Mapping[Format, Callable[[Feature], bytes]] = {"jsonl": json_line, "csv": csv_line}
HEADS: Mapping[Format, bytes] = {"jsonl": b"", "csv": line(COLUMNS)}


async def pieces(pages: AsyncIterator[Sequence[Feature]], format: Format) -> AsyncGenerator[bytes]:
    """What is made of one page is gone before the next one is asked for."""
    write, lines, size = LINES[format], [HEADS[format]], 0
    async for page in pages:
        for feature in page:
            lines.append(write(feature))
            size += len(lines[-1])
            if size >= PIECE:
                yield b"".join(lines)
                lines, size = [], 0
    yield b"".join(lines)


async def export(call: Call[ExportQuery, None]) -> Answer:
    accepted = preferred(call.headers.get(b"accept"), tuple(FORMATS))
    format = call.query.format or FORMATS[accepted or "application/jsonl"]
    pages = call.context.feature.export(call.query.filter())
    headers = [
        (b"content-type", TYPES[format].encode()),
        (b"content-disposition", f'attachment; filename="features.{format}"'.encode()),
        (b"vary", b"Accept, Authorization"),
    ]
    return Answer(200, headers=headers, stream=pieces(pages, format))


ROUTES = (
    Route(
        "GET",
        f"{PATH}/export",
        "Export the features that you may see",
        export,
        ExportQuery,
        FeatureV2,
        answers=tuple(FORMATS),
    ),
)
