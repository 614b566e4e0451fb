"""A write with an Idempotency-Key: run once, and answered the same from then on (R9)."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson

from app.context import OnceOf
from app.domain.idempotency.model import KeptAnswer, KeyedRequest
from app.domain.idempotency.rules import keyed_request, read_key
from app.http.replay import REPLAYED
from app.rest.render import RawHeaders
from app.rest.route import Call, Route


@dataclass(slots=True)
class Sent:
    """An answer as bytes; without what is told of the caller's rate limit, which is another each time."""

    status: int
    headers: RawHeaders
    body: bytes
    stream: AsyncGenerator[bytes] | None = None  # of a read, instead of the body
    done: bool = True  # was anything written?


def keyed_write(route: Route[Any, Any], call: Call[Any, Any], document: object) -> KeyedRequest | None:
    """None without the header. Raises BadUserInput for what is no key."""
    header = call.headers.get(b"idempotency-key")
    if header is None:
        return None
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
    """What was refused is not kept: it runs anew, with the same key too. Of many writes that is what was refused as a
    whole; where some were done, their answer is kept, refusals and all."""
    plain = call.context
    async with once(keyed, plain.actor, plain.request_id, client, plain.cost) as entered:
        if entered.kept is not None:
            kept = {**entered.kept.headers, **REPLAYED}
            headers = [(name.encode(), value.encode()) for name, value in kept.items()]
            return Sent(entered.kept.status, headers, entered.kept.body)
        call.context = entered.context
        sent = await run()
        if not sent.done:
            return sent
        described = {name.decode(): value.decode() for name, value in sent.headers}
        await entered.keep(KeptAnswer(sent.status, described, sent.body))
        return sent


def _canonical(document: object) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
