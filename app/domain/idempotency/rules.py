"""What an Idempotency-Key looks like, whose it is, and when two requests are the same (R9)."""

import re
from collections.abc import Sequence
from hashlib import sha256

from app.domain.idempotency.model import KeyedRequest
from app.kernel.actor import Actor
from app.kernel.errors import BadUserInput

HEADER = "Idempotency-Key"
LONGEST = 255  # characters
# The draft's form is a string in quotes (RFC 8941 §3.3.3); most clients send it bare.
QUOTED = re.compile(r'"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"')
BARE = re.compile(r"[\x21\x23-\x7e][\x21-\x7e]*")
ESCAPED = re.compile(r"\\(.)")


def read_key(header: str) -> str:
    """The key, the same in quotes and bare. Raises BadUserInput."""
    text = header.strip(" \t")
    quoted = QUOTED.fullmatch(text)
    if quoted:
        text = ESCAPED.sub(r"\1", quoted[1])
    if len(text) > LONGEST or not (quoted or BARE.fullmatch(text)):
        message = f"`{HEADER}` must be 1 to {LONGEST} visible ASCII characters, in double quotes or bare."
        raise BadUserInput(message, (HEADER,))
    return text


def keyed_request(actor: Actor, key: str, asked: Sequence[bytes]) -> KeyedRequest:
    """`asked`: whatever makes a request another one, always in the same order. The caller is the user, with what the
    token is narrowed to: one that may read less must not be shown what another was answered."""
    scopes = b"*" if actor.scopes is None else ",".join(sorted(actor.scopes)).encode()
    user_id = actor.known()
    return KeyedRequest(user_id, _hash([user_id.bytes, scopes, key.encode()]), _hash(asked))


def _hash(parts: Sequence[bytes]) -> bytes:
    """Each with its length, so that no two lists read alike."""
    digest = sha256()
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()
