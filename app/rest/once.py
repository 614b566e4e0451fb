"""A write with an Idempotency-Key: run once, and answered the same from then on (R9)."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson

from app.context import OnceOf
from app.domain.idempotency.model import KeptAnswer, KeyedRequest
from app.domain.idempotency.rules import keyed_request, read_key
from app.http.replay import REPLAYED
from app.kernel.errors import BadUserInput
from app.rest.render import RawHeaders
from app.rest.route import Call, Route

MULTI_STATUS = 207


@dataclass(slots=True)
class Sent:
    """An answer as bytes; without what is told of the caller's rate limit, which is another each time."""

    status: int
    headers: RawHeaders
    body: bytes
    stream: AsyncGenerator[bytes] | None = None  # of a read, instead of the body


def keyed_write(route: Route[Any, Any], call: Call[Any, Any], document: object) -> KeyedRequest | None:
    """None without the header. Raises BadUserInput for what is no key, and where parts of the request are done each by
    itself: what one transaction undoes together cannot be."""
    header = call.headers.get(b"idempotency-key")
    if header is None:
        return None
    if not route.whole(call.body):
        raise BadUserInput("Send no `Idempotency-Key` with what is done in parts.", ("Idempotency-Key",))
    asked = [
        route.method.encode(),
        route.path.encode(),
        _canonical(dict(call.parameters)),
        call.query_string,
        call.headers.get(b"if-match", "").encode(),
        call.headers.get(b"if-none-match", "").encode(),
        document if isinstance(document, bytes) else _canonical(document),
    ]
    return keyed_request(call.context.actor, read_key(header), asked)


async def write_once(
    once: OnceOf, keyed: KeyedRequest, call: Call[Any, Any], client: str, run: Callable[[], Awaitable[Sent]]
) -> Sent:
    """What was refused is not kept: it runs anew, with the same key too."""
    plain = call.context
    async with once(keyed, plain.actor, plain.request_id, client, plain.cost) as entered:
        if entered.kept is not None:
            kept = {**entered.kept.headers, **REPLAYED}
            headers = [(name.encode(), value.encode()) for name, value in kept.items()]
            return Sent(entered.kept.status, headers, entered.kept.body)
        call.context = entered.context
        sent = await run()
        if sent.status == MULTI_STATUS:  # some part was refused, so all was undone
            return sent
        described = {name.decode(): value.decode() for name, value in sent.headers}
        await entered.keep(KeptAnswer(sent.status, described, sent.body))
        return sent


def _canonical(document: object) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
