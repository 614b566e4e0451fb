"""jsonb as a connection gives and takes it: in its binary form, a version byte and the text, which is not parsed."""

import orjson

from app.db.hosts import Connection
from app.kernel.json import Json, embed


async def as_text(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=_encode, decoder=lambda data: Json(data[1:])
    )


def _encode(json: Json) -> bytes:
    return b"\x01" + (json.text if isinstance(json, Json) else orjson.dumps(json, default=embed))
