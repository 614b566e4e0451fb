"""When a key may sign, and until when it is believed (R21).

A key is published the delay before it signs, and a server that has not read the keys for as long as the delay signs
with none of them. So whoever signs knows every key that signs by then, and whoever checks knows it too.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from app.domain.signing_key.model import KeyState, NewKey, SigningKey

MARGIN = timedelta(seconds=60)  # clocks differ, and a token counts a little past its end


def verifies(key: SigningKey, now: datetime) -> bool:
    """Before it signs, too: the clock of whoever signed may be ahead."""
    return key.revoked_at is None and (key.verifies_until is None or now < key.verifies_until)


def signs(key: SigningKey, now: datetime) -> bool:
    return key.revoked_at is None and key.signs_from <= now and (key.signs_until is None or now < key.signs_until)


def signer(keys: Iterable[SigningKey], now: datetime) -> SigningKey | None:
    return max((key for key in keys if signs(key, now)), key=lambda key: key.signs_from, default=None)


def heir(keys: Iterable[SigningKey]) -> SigningKey | None:
    """The key that signs, or is about to, without an end: at most one."""
    return next((key for key in keys if key.revoked_at is None and key.signs_until is None), None)


def successor(made: NewKey, now: datetime, delay: timedelta) -> SigningKey:
    return SigningKey(made.kid, made.public_jwk, made.sealed, now, now + delay)


def believed_until(signs_until: datetime, longest_token: timedelta) -> datetime:
    """When the last token that the key may have signed has run out."""
    return signs_until + longest_token + MARGIN


def state_of(key: SigningKey, now: datetime) -> KeyState:
    if key.revoked_at is not None:
        return "REVOKED"
    if now < key.signs_from:
        return "PUBLISHED"
    if signs(key, now):
        return "SIGNING"
    return "VERIFYING" if verifies(key, now) else "ENDED"
