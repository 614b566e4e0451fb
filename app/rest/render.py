"""Answers and failures as bytes: the envelope that both versions have, v1's errors, and problem details (RFC 9457)."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import TypedDict

import orjson
from starlette.types import Send

from app.http.catalogue import page_of
from app.http.problem import PROBLEM, Detail, problem
from app.kernel.json import embed
from app.rest.failure import Failure
from app.rest.route import Answer

type RawHeaders = list[tuple[bytes, bytes]]

JSON_TYPE = (b"content-type", b"application/json; charset=utf-8")
PROBLEM_TYPE = (b"content-type", PROBLEM.encode())
NO_STORE = (b"cache-control", b"no-store")
NO_BODY = frozenset({204, 304})


class Meta(TypedDict):
    """Of every body that is no problem. `version` is the product's."""

    request_id: str
    version: str
    timestamp: str


class LegacyError(TypedDict):
    code: str
    message: str
    details: list[Detail]
    documentation_url: str
    correlation_id: str


class LegacyErrorBody(TypedDict):
    """Of every error of v1."""

    error: LegacyError
    meta: Meta


def milliseconds(moment: datetime) -> str:
    """Of a time in UTC: `2024-01-01T12:00:00.000Z`. orjson takes half the time of `isoformat`."""
    return f"{orjson.dumps(moment)[1:20].decode()}.{moment.microsecond // 1000:03d}Z"


def meta_of(request_id: str, version: str, now: datetime) -> Meta:
    return {"request_id": f"req_{request_id}", "version": version, "timestamp": milliseconds(now)}


def head_of(answer: Answer) -> bytes:
    """The body but for `meta`, which is another each time."""
    return orjson.dumps({"data": answer.data, **answer.beside}, embed, orjson.OPT_UTC_Z)


def list_tag(head: bytes) -> str:
    """Weak: `meta` differs from answer to answer."""
    return f'W/"{blake2b(head, digest_size=16).hexdigest()}"'


def with_meta(head: bytes, meta: Meta) -> bytes:
    return b'%b,"meta":%b}' % (head[:-1], orjson.dumps(meta))


def legacy_error(failure: Failure, request_id: str, meta: Meta) -> bytes:
    error: LegacyError = {
        "code": failure.code,
        "message": failure.message,
        "details": failure.details,
        "documentation_url": page_of(failure.code),
        "correlation_id": request_id,
    }
    body: LegacyErrorBody = {"error": error, "meta": meta}
    return orjson.dumps(body)


def problem_error(failure: Failure, instance: str, request_id: str) -> bytes:
    return orjson.dumps(problem(failure.code, failure.message, instance, request_id, failure.details))


async def send_response(send: Send, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
    """To HEAD too: the server leaves the body out, and the length says what GET would have got."""
    sent = [*headers]
    if status not in NO_BODY:
        sent.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": b"" if status in NO_BODY else body})
