"""What a browser keeps while its user is at the provider, sealed by the key ring so that nobody can read or make it."""

import base64
import binascii
from dataclasses import astuple, dataclass, field
from datetime import datetime, timedelta

import orjson

from app.auth.key_ring import KeyRing, UndecipherableError
from app.kernel.clock import Clock

LIFETIME = timedelta(minutes=10)  # for a person to log in there
PLACE = "cookie.sign_on"  # as if it were a column


@dataclass(frozen=True, slots=True)
class Pending:
    return_to: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class Seal:
    """What is sealed for one state opens for no other."""

    def __init__(self, ring: KeyRing, now: Clock) -> None:
        self._ring, self._now = ring, now

    def close(self, state: str, pending: Pending) -> str:
        end = (self._now() + LIFETIME).timestamp()
        plain = orjson.dumps([end, *astuple(pending)])
        return base64.urlsafe_b64encode(self._ring.encrypt(plain, PLACE, state)).decode()

    def open(self, state: str, sealed: str) -> Pending | None:
        """None for what was not sealed for that state, or too long ago."""
        try:
            plain = self._ring.decrypt(base64.urlsafe_b64decode(sealed), PLACE, state)
        except (UndecipherableError, binascii.Error, ValueError):
            return None
        end, *kept = orjson.loads(plain)
        return Pending(*kept) if self._now() < datetime.fromtimestamp(end, self._now().tzinfo) else None
