"""A provider of single sign-on (OpenID Connect Core): authorization code with PKCE, by authlib, after discovery.

The provider's tokens are read once, in memory, and kept nowhere.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import structlog
from authlib.integrations.starlette_client import OAuthError, StarletteOAuth2App
from joserfc.errors import JoseError

from app.auth.bounded_http import BoundedTransport
from app.auth.claims import person_of
from app.domain.session.model import Person
from app.kernel.breaker import Breaker

log = structlog.get_logger()

# Signatures by keys that the provider alone has: neither `none` nor those that whoever may check can also make.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
KEY_TYPES = ("RSA", "EC", "OKP")
PATIENCE = 5.0  # seconds for all that one step of a login asks of the provider
KNOWN_FOR = 600.0  # seconds until endpoints and keys are read again, so that a key that was taken back counts no longer
LEEWAY = 60  # seconds that two clocks may differ
DISCOVERY = "/.well-known/openid-configuration"
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
KEPT = (*ENDPOINTS, "issuer", "userinfo_endpoint")  # all else could become an option of the HTTP client
MALFORMED = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
)  # what parsing others' documents may raise


class SignOnRefused(Exception):
    """The provider refuses, or what it says does not count; `reason` is a word of ours."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Client:
    """What this server is to the provider. `mapped`: roles follow from `role_claim`."""

    issuer: str
    id: str
    secret: str | None = field(repr=False)
    scopes: str
    redirect_uri: str
    role_claim: str
    mapped: bool


@dataclass(frozen=True, slots=True)
class Begun:
    """A login under way: where the browser goes, and what its answer is checked against."""

    url: str
    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class _App(StarletteOAuth2App):
    """Keys of kinds that cannot check a signature of ours are left out: one new kind must not end all logins."""

    async def fetch_jwk_set(self, force: bool = False) -> dict[str, Any]:
        found = await super().fetch_jwk_set(force)
        usable = [key for key in found["keys"] if key.get("kty") in KEY_TYPES and key.get("use", "sig") == "sig"]
        return {"keys": usable}


class Provider:
    """Raises Unavailable where the provider is away, slow, or answers what nobody can read."""

    def __init__(self, client: Client, monotonic: Callable[[], float], patience: float = PATIENCE) -> None:
        self._client, self._monotonic, self._patience = client, monotonic, patience
        self._breaker = Breaker("The provider of single sign-on", monotonic)
        self._transport = BoundedTransport()
        self._lock = asyncio.Lock()
        self._app: _App | None = None
        self._names_itself, self._until = False, 0.0

    @property
    def is_away(self) -> bool:
        return self._breaker.is_open

    async def begin(self) -> Begun:
        async with self._asking():
            app = await self._known()
            found = await app.create_authorization_url(self._client.redirect_uri)
        return Begun(found["url"], found["state"], found["nonce"], found["code_verifier"])

    async def redeem(self, code: str, issuer: str | None, nonce: str, verifier: str) -> Person:
        """`issuer`: as the answer names it, if it does (RFC 9207). Raises SignOnRefused, too."""
        async with self._asking():
            app = await self._known()
            if issuer != self._client.issuer and (issuer is not None or self._names_itself):
                raise SignOnRefused("issuer")  # an answer to us from another provider (mix-up)
            fetch: Callable[..., Awaitable[dict[str, Any]]] = app.fetch_access_token
            try:
                token = await fetch(self._client.redirect_uri, code=code, code_verifier=verifier)
            except OAuthError as error:
                log.warning("the provider gives no token", error=str(error.error)[:100])
                raise SignOnRefused("code") from None
            await app.fetch_jwk_set()  # what is wrong with it is the provider's fault, not the token's
            claims = await self._checked(app, token, nonce)
            if not self._needed() <= claims.keys() and "userinfo_endpoint" in app.server_metadata:
                more = await app.userinfo(token=token)
                if more.get("sub") != claims["sub"]:
                    raise SignOnRefused("userinfo")  # of somebody else (OIDC Core §5.3.2)
                claims = {**more, **claims}
        person = person_of(claims, self._client.issuer, self._client.role_claim)
        if person is None:
            raise SignOnRefused("id_token")
        return person

    async def close(self) -> None:
        await self._transport.shut()

    async def _checked(self, app: _App, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """The claims of the ID token (OIDC Core §3.1.3.7)."""
        wanted = {name: {"essential": True, "value": value} for name, value in self._claims().items()}
        try:
            claims = await app.parse_id_token(token, nonce, claims_options=wanted, leeway=LEEWAY)
        except (JoseError, *MALFORMED) as error:
            log.warning("the provider's ID token does not count", error=type(error).__name__)
            raise SignOnRefused("id_token") from None
        if claims is None:
            raise SignOnRefused("id_token")
        return dict(claims)

    def _claims(self) -> dict[str, str]:
        return {"iss": self._client.issuer, "aud": self._client.id}

    def _needed(self) -> set[str]:
        return {"email", self._client.role_claim.partition(".")[0]} if self._client.mapped else {"email"}

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        self._breaker.admit()
        try:
            async with asyncio.timeout(self._patience):
                yield
        except SignOnRefused:  # it has answered
            self._breaker.succeeded()
            raise
        except (httpx2.HTTPError, OSError, *MALFORMED) as error:  # TimeoutError is an OSError
            log.warning("the provider of single sign-on fails", error=f"{type(error).__name__}: {error}"[:300])
            self._breaker.failed()
            raise self._breaker.refusal() from None
        self._breaker.succeeded()

    async def _known(self) -> _App:
        async with self._lock:
            if self._app is None or self._monotonic() >= self._until:
                self._app = self._app_of(await self._discovered())
                self._until = self._monotonic() + KNOWN_FOR
            return self._app

    async def _discovered(self) -> dict[str, Any]:
        """OIDC Discovery §4. Raises ValueError for what is not the issuer's own document."""
        issuer = self._client.issuer
        async with httpx2.AsyncClient(transport=self._transport, timeout=self._patience) as client:
            answer = await client.get(issuer.rstrip("/") + DISCOVERY)
            answer.raise_for_status()
            found = answer.json()
        if not isinstance(found, dict) or found.get("issuer") != issuer:
            raise ValueError("the discovery document is another issuer's than OIDC_ISSUER")
        safe = ("https://", "http://") if issuer.startswith("http://") else ("https://",)
        for name in (*ENDPOINTS, *({"userinfo_endpoint"} & found.keys())):
            if not str(found.get(name)).startswith(safe):
                raise ValueError(f"{name} of the discovery document is no address by https")
        return found

    def _app_of(self, found: Mapping[str, Any]) -> _App:
        client = self._client
        self._names_itself = found.get("authorization_response_iss_parameter_supported") is True
        ways = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        way = "client_secret_basic" if "client_secret_basic" in ways else "client_secret_post"
        options = {
            "scope": client.scopes,
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": "none" if client.secret is None else way,
            "transport": self._transport,
            "timeout": self._patience,
        }
        offered = found.get("id_token_signing_alg_values_supported") or ["RS256"]
        algorithms = [name for name in ALGORITHMS if name in offered]
        if not algorithms:
            raise ValueError("the provider signs with nothing that is safe")
        return _App(
            None,
            client_id=client.id,
            client_secret=client.secret,
            client_kwargs=options,
            id_token_signing_alg_values_supported=algorithms,
            **{name: found[name] for name in KEPT if name in found},
        )
