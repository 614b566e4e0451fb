"""The cursor: a position in a list, opaque to clients, versioned, and bound to what is listed in which order."""

import base64
from binascii import crc32
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.kernel.errors import BadUserInput

VERSION = "1"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Position:
    """Behind the row that has this sort value and this id; the row itself need not exist any more."""

    sort: datetime | str
    id: UUID


def encode_cursor(order: str, sort: datetime | str, id: UUID) -> str:
    """URL-safe base64 of `version|checksum|order|id|sort value`; a time is its microseconds since 1970.

    `order` names what is listed, too: `Feature.NAME.ASC`. The checksum is no seal, since a cursor opens nothing: it
    keeps one that was cut or mistyped from being another place in the list.
    """
    value = str((sort - EPOCH) // MICROSECOND) if isinstance(sort, datetime) else sort
    body = f"{order}|{id.hex}|{value}"
    return base64.urlsafe_b64encode(f"{VERSION}|{crc32(body.encode()):08x}|{body}".encode()).decode("ascii")


def decode_cursor(text: str | None, order: str, temporal: bool, argument: str) -> Position | None:
    """`temporal`: the order's sort value is a time. Raises BadUserInput at `argument` for what is no cursor of this
    order."""
    if text is None:
        return None
    try:
        version, _, made_in, id, value = base64.urlsafe_b64decode(text.encode("ascii")).decode().split("|", 4)
        if version != VERSION:
            raise ValueError(version)
        if made_in != order:
            message = f"This cursor is of another list or order than {order}: start again without it."
            raise BadUserInput(message, (argument,))
        position = Position(EPOCH + int(value) * MICROSECOND if temporal else value, UUID(id))
        if "\0" in value or encode_cursor(order, position.sort, position.id) != text:
            raise ValueError(text)  # not what we would have written
    except (ValueError, OverflowError):
        message = "This is not a cursor of this API: give one as `cursor`, `startCursor` or `endCursor` returned it."
        raise BadUserInput(message, (argument,)) from None
    return position
