"""The parameters of a GraphQL request as HTTP carries them: in the query string, or in a JSON body (GraphQL over HTTP
§4). It bounds and decodes them, and must not ask what they mean."""

from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive

from app.http.body import JSON, media_type, read_bytes
from app.http.headers import Headers
from app.http.refused import Refused

NAMES = frozenset({"query", "documentId", "operationName", "variables", "extensions"})
FIELDS = 100  # parameters of a query string at most; those that are not ours are left alone


def read_query(query: bytes, headers: Headers, max_bytes: int) -> dict[str, Any]:
    """Of a GET. Raises Refused. What is empty counts as not sent (§4.3)."""
    if len(query) > max_bytes:
        message = f"The query string must have at most {max_bytes} bytes: use POST, or a persisted document."
        raise Refused(414, "URI_TOO_LONG", message)
    if b"content-type" in headers and media_type(headers[b"content-type"]) != JSON:
        raise _unsupported("Send no Content-Type with GET, or `application/json`.")
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except ValueError:
        message = "The query string must be `name=value` pairs, percent-encoded in UTF-8, 100 at most."
        raise Refused(400, "BAD_REQUEST", message) from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in NAMES and value:
            if name in found:
                raise Refused(400, "BAD_REQUEST", f"Send the parameter `{name}` once.")
            found[name] = value
    for name in ("variables", "extensions"):
        if name in found:
            found[name] = _json(found[name].encode(), f"The parameter `{name}`")
    return found


async def read_body(receive: Receive, headers: Headers, max_bytes: int) -> Any:
    """Of a POST: any JSON value. Raises Refused."""
    return _json(await read_json_bytes(receive, headers, max_bytes), "The body")


async def read_json_bytes(receive: Receive, headers: Headers, max_bytes: int) -> bytes:
    """A body that says it is JSON, as it was sent. Raises Refused."""
    if media_type(headers.get(b"content-type", "")) != JSON:
        raise _unsupported("Send the request as JSON in UTF-8, with the header `Content-Type: application/json`.")
    return await read_bytes(receive, headers, max_bytes)


def _unsupported(message: str) -> Refused:
    return Refused(415, "UNSUPPORTED_MEDIA_TYPE", message, {"accept-post": JSON})


def _json(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refused(400, "BAD_REQUEST", f"{what} is no valid JSON: {error.msg}.") from None
