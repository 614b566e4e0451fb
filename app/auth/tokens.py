"""Bearer tokens: JSON Web Tokens signed with Ed25519 (RFC 7519, RFC 8037), checked once and remembered till they end.

A token says who somebody is; what that user may do is read from the database.
"""

import warnings
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError, SecurityWarning
from joserfc.jwk import GuestProtocol, Key, KeySet

from app.kernel.errors import Unauthenticated
from app.kernel.ids import SessionId, UserId

ALGORITHM = "Ed25519"  # RFC 9864's name; "EdDSA" is what issuers called it before, and is still taken
ACCEPTED = (ALGORITHM, "EdDSA")
MAX_TOKEN = 4096  # characters
REMEMBERED = 10_000  # tokens
LEEWAY = 5  # seconds that clocks may differ

warnings.filterwarnings("ignore", "EdDSA is deprecated", SecurityWarning)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Who signs, for whom, with which keys."""

    keys: KeySet
    issuer: str
    audience: str

    def mint(self, user_id: UserId, now: datetime, lifetime: timedelta, session_id: SessionId | None = None) -> str:
        """Valid no longer than the session, where there is one. Raises JoseError where the set holds no private key."""
        key = next(iter(self.keys.keys))
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


@dataclass(frozen=True, slots=True)
class Proven:
    """Whom a token stands for, and through which login, if any."""

    user_id: UserId
    session_id: SessionId | None


class Verifier:
    """A signature check costs as much as a whole small query: tokens that passed are remembered, in bounded number."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._passed: OrderedDict[str, tuple[Proven, float]] = OrderedDict()  # by token; ends are in Unix seconds

    def verify(self, token: str, now: datetime) -> Proven:
        """Raises Unauthenticated, without saying which check failed."""
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
            decoded = jwt.decode(token, self._key_of, algorithms=ACCEPTED)
            jwt.JWTClaimsRegistry(
                now=int(now.timestamp()),
                leeway=LEEWAY,
                iss={"essential": True, "value": tokens.issuer},
                aud={"essential": True, "value": tokens.audience},
                sub={"essential": True},
                exp={"essential": True},
            ).validate(decoded.claims)
            sid = decoded.claims.get("sid")
            session_id = None if sid is None else SessionId(UUID(sid))
            return Proven(UserId(UUID(decoded.claims["sub"])), session_id), float(decoded.claims["exp"])
        except (JoseError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
            raise refused from None

    def _key_of(self, token: GuestProtocol) -> Key:
        """By `kid` alone: no header of a token names an address or brings a key. Raises JoseError."""
        kid = token.headers().get("kid")
        if not isinstance(kid, str):
            raise InvalidKeyIdError("no kid")
        return self._tokens.keys.get_by_kid(kid)
