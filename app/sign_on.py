"""Single sign-on put together from the settings: the provider, the service, and what seals cookies."""

from collections.abc import Callable
from time import monotonic
from typing import cast

from app.adapters.security_events import RecordedEvents
from app.auth.key_ring import KeyRing
from app.auth.pending import Seal
from app.auth.provider import Client, Provider
from app.config.settings import Settings, SettingsError
from app.db.database import Database
from app.db.identity import SqlIdentities
from app.db.user_write import SqlUserWrites
from app.domain.session.model import Origin, RolePolicy
from app.domain.session.service import SessionService
from app.domain.session.sign_on import SignOnPorts, SignOnService
from app.kernel.actor import GUEST, Actor, Role
from app.kernel.clock import new_id, utc_now
from app.web.refresh_cookie import RefreshCookie
from app.web.sign_on import ROUTES


class SignOn:
    """Raises SettingsError."""

    def __init__(
        self,
        settings: Settings,
        ring: KeyRing | None,
        database: Database,
        events: RecordedEvents,
        session_service: Callable[[Actor, Origin], SessionService],
    ) -> None:
        if ring is None:
            raise SettingsError("ENCRYPTION_KEYS: set it, since cookies of single sign-on are sealed with it")
        roles = cast(dict[str, Role], settings.oidc_roles)
        self._policy = RolePolicy(roles, settings.oidc_default_role or None)
        self._session_service = session_service
        self._ports = SignOnPorts(
            SqlIdentities(database, SqlUserWrites(database, new_id)), events, events.announce, utc_now, new_id
        )
        self.cookie = RefreshCookie(_origin(settings))
        self.seal = Seal(ring, utc_now)
        self.provider = Provider(_client(settings, self.cookie.origin), monotonic)

    def service(self, origin: Origin) -> SignOnService:
        return SignOnService(self._session_service(GUEST, origin), origin, self._ports, self._policy)


def sign_on_of(
    settings: Settings,
    ring: KeyRing | None,
    database: Database,
    events: RecordedEvents,
    session_service: Callable[[Actor, Origin], SessionService],
) -> SignOn | None:
    """None where no provider is set. Raises SettingsError."""
    return SignOn(settings, ring, database, events, session_service) if settings.oidc_issuer else None


def _origin(settings: Settings) -> str:
    """In development, where browsers of this machine find the server."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.public_url or f"http://{host}:{settings.port}"


def _client(settings: Settings, origin: str) -> Client:
    secret = settings.oidc_client_secret
    assert settings.oidc_issuer is not None  # the settings see to it
    assert settings.oidc_client_id is not None
    return Client(
        settings.oidc_issuer,
        settings.oidc_client_id,
        secret.get_secret_value() if secret else None,
        settings.oidc_scopes,
        origin + ROUTES[1],
        settings.oidc_role_claim,
        bool(settings.oidc_role_map),
    )
