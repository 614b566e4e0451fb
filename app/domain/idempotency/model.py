"""A request that may be sent again, and what is answered then (R9)."""

from collections.abc import Mapping

from app.kernel.ids import UserId
from app.kernel.value import value


@value
class KeyedRequest:
    """`key_hash` is of the caller and the key, `fingerprint` of all that is asked for. Both are SHA-256: a key may be
    personal, and a payload is none of the table's business."""

    actor_id: UserId
    key_hash: bytes
    fingerprint: bytes


@value
class KeptAnswer:
    """`headers` by lower-case name: those of the act, not those of the moment such as a rate limit's."""

    status: int
    headers: Mapping[str, str]
    body: bytes
