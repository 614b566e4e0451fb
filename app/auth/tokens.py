"""Bearer tokens: JSON Web Tokens signed with Ed25519 (RFC 7519, RFC 8037), checked once and remembered till they end.

A token says who somebody is; what that user may do is read from the database.
"""

import base64
import json
import re
import warnings
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError, SecurityWarning
from joserfc.jwk import GuestProtocol, Key, KeySet

from app.auth.stored_keys import StoredKeys
from app.kernel.errors import Unauthenticated, Unavailable
from app.kernel.ids import SessionId, UserId

ALGORITHM = "Ed25519"  # RFC 9864's name; "EdDSA" is what issuers called it before, and is still taken
ACCEPTED = (ALGORITHM, "EdDSA")
MAX_TOKEN = 4096  # characters
REMEMBERED = 10_000  # tokens
LEEWAY = 5  # seconds that clocks may differ
KID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)  # a thumbprint (RFC 7638), as keys of the database have it

warnings.filterwarnings("ignore", "EdDSA is deprecated", SecurityWarning)


class UnknownKey(Unauthenticated):
    """The token names a key that was not in the database when it was last read: there may be a new one."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Who signs, for whom, with which keys: `keys` are those of the settings, `stored` those of the database."""

    keys: KeySet
    issuer: str
    audience: str
    longest: timedelta = timedelta(days=1)  # that a token may live
    stored: StoredKeys = field(default_factory=StoredKeys)

    def mint(self, user_id: UserId, now: datetime, lifetime: timedelta, session_id: SessionId | None = None) -> str:
        """Valid no longer than the session, where there is one. With the database's key of this moment, else with one
        of the settings. Raises JoseError where they hold no private key, Unavailable where there is none at all, and
        ValueError for too long a life."""
        if lifetime > self.longest:
            raise ValueError("a token that nobody would take")
        key = self._signer(now)
        of_session = {} if session_id is None else {"sid": str(session_id), "jti": uuid4().hex}
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": str(user_id),
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            **of_session,
        }
        return jwt.encode({"alg": ALGORITHM, "typ": "JWT", "kid": key.kid}, claims, key, algorithms=[ALGORITHM])

    def _signer(self, now: datetime) -> Key:
        stored = self.stored.signer(now)
        if stored is not None:
            return stored
        if not self.keys.keys:
            raise Unavailable("There is no key to sign with at the moment: try again.", retry_after=10)
        return next((key for key in self.keys.keys if key.is_private), self.keys.keys[0])


class Proven(NamedTuple):
    """Whom a token stands for, and through which login, if any."""

    user_id: UserId
    session_id: SessionId | None


class Verifier:
    """A signature check costs as much as a whole small query: tokens that passed are remembered, in bounded number."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._passed: OrderedDict[str, tuple[Proven, float]] = OrderedDict()  # by token; ends are in Unix seconds
        self._generation = tokens.stored.generation

    def verify(self, token: str, now: datetime) -> Proven:
        """Raises Unauthenticated, without saying which check failed; UnknownKey where it may be worth to read the keys
        again."""
        if self._generation != self._tokens.stored.generation:  # one may be revoked
            self._passed.clear()
            self._generation = self._tokens.stored.generation
        found = self._passed.get(token)
        if found is None:
            found = self._passed[token] = self._check(token, now)
            if len(self._passed) > REMEMBERED:
                self._passed.popitem(last=False)
        proven, end = found
        if now.timestamp() >= end + LEEWAY:
            del self._passed[token]
            raise Unauthenticated("The token has run out: get a new one.")
        return proven

    def _check(self, token: str, now: datetime) -> tuple[Proven, float]:
        tokens, refused = self._tokens, Unauthenticated("The token is not valid: get a new one.")
        if len(token) > MAX_TOKEN:
            raise refused
        try:
            _check_header(token)
            decoded = jwt.decode(token, lambda read: self._key_of(read, now), ACCEPTED, decoder_cls=_Strict)
            jwt.JWTClaimsRegistry(
                now=int(now.timestamp()),
                leeway=LEEWAY,
                iss={"essential": True, "value": tokens.issuer},
                aud={"essential": True, "value": tokens.audience},
                sub={"essential": True},
                exp={"essential": True},
            ).validate(decoded.claims)
            claims, end = decoded.claims, float(decoded.claims["exp"])
            if end - claims.get("iat", now.timestamp()) > tokens.longest.total_seconds():
                raise refused
            sid = claims.get("sid")
            proven = Proven(UserId(UUID(claims["sub"])), None if sid is None else SessionId(UUID(sid)))
            return proven, min(end, tokens.stored.end_of(str(decoded.header["kid"])))
        except InvalidKeyIdError as error:
            raise (UnknownKey(refused.message) if KID.fullmatch(error.description) else refused) from None
        except (JoseError, ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError):
            raise refused from None

    def _key_of(self, token: GuestProtocol, now: datetime) -> Key:
        """By `kid` alone: no header of a token names an address or brings a key. Raises JoseError."""
        kid = token.headers().get("kid")
        if not isinstance(kid, str):
            raise InvalidKeyIdError("no kid")
        stored = self._tokens.stored.get(kid, now)
        if stored is not None:
            return stored
        if any(key.kid == kid for key in self._tokens.keys.keys):
            return self._tokens.keys.get_by_kid(kid)
        raise InvalidKeyIdError(kid)


class _Strict(json.JSONDecoder):
    """Two claims of one name could be read one way here and another way elsewhere (RFC 8725 §2.4, RFC 7519 §4)."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def _no_number(word: str) -> object:
    raise ValueError("JSON has no NaN and no Infinity")


def _check_header(token: str) -> None:
    """What joserfc lets pass: a name that comes twice, and `crit`, since we know no extension (RFC 7515 §4.1.11).
    Raises ValueError."""
    text = token.partition(".")[0]
    header = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), cls=_Strict)
    if "crit" in header:
        raise ValueError("an extension that must be understood")
