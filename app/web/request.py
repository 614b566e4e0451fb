"""What a GraphQL request is over HTTP: read, bounded and checked before anything is done with it (GraphQL over HTTP)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request


class Refused(Exception):
    """The request is answered with this status, and goes no further."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of a GraphQL request."""

    query: str
    operation_name: str | None
    variables: dict[str, Any]


async def read_request(request: Request, max_bytes: int) -> Asked:
    """Raises Refused for what is no well-formed GraphQL request."""
    if request.method == "GET":
        parameters: dict[str, Any] = dict(request.query_params)
        for name in ("variables", "extensions"):
            if name in parameters:
                parameters[name] = _json(parameters[name].encode(), f"the parameter `{name}`")
        return _asked(parameters)
    if _media_type(request) != "application/json":
        message = "Send the request as JSON, with the header `Content-Type: application/json`."
        raise Refused(415, "UNSUPPORTED_MEDIA_TYPE", message)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "UNSUPPORTED_MEDIA_TYPE", "Send the body as it is, without Content-Encoding.")
    body = _json(await _body(request, max_bytes), "the body")
    if not isinstance(body, dict):
        raise Refused(400, "BAD_REQUEST", 'The body must be a JSON object such as {"query": "{ viewer { name } }"}.')
    return _asked(body)


def _media_type(request: Request) -> str | None:
    media, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    charset = [part.removeprefix("charset=").strip('"') for part in parameters if part.startswith("charset=")]
    return media if charset in ([], ["utf-8"], ["utf8"]) else None


async def _body(request: Request, max_bytes: int) -> bytes:
    too_large = Refused(413, "PAYLOAD_TOO_LARGE", f"The body must have at most {max_bytes} bytes.")
    length = request.headers.get("content-length", "0")
    if length.isdigit() and len(length) < 20 and int(length) > max_bytes:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise too_large
    except ClientDisconnect:
        raise Refused(400, "BAD_REQUEST", "The body did not arrive.") from None
    return bytes(body)


def _json(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refused(400, "BAD_REQUEST", f"{what.capitalize()} is no valid JSON: {error.msg}.") from None


def _asked(parameters: Mapping[str, Any]) -> Asked:
    query, name = parameters.get("query"), parameters.get("operationName")
    variables = parameters.get("variables")
    if not isinstance(query, str) or not query.strip():
        raise Refused(400, "BAD_REQUEST", "`query` is missing: it must be the text of a GraphQL document.")
    if name is not None and not isinstance(name, str):
        raise Refused(400, "BAD_REQUEST", "`operationName` must be a string.")
    if variables is not None and not isinstance(variables, dict):
        raise Refused(400, "BAD_REQUEST", "`variables` must be a JSON object.")
    if not isinstance(parameters.get("extensions"), dict | None):
        raise Refused(400, "BAD_REQUEST", "`extensions` must be a JSON object.")
    return Asked(query, name or None, variables or {})
