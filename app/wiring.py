"""The composition root: settings -> pools, keys, engine; request -> context. Ports meet their adapters here."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from secrets import token_bytes

from joserfc.jwk import KeySet
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.adapters.attempts import BucketAttempts
from app.adapters.documents import RegisteredDocuments
from app.adapters.rate_limit import LocalBuckets
from app.adapters.security_events import LoggedEvents
from app.auth.access_tokens import SignedAccessTokens
from app.auth.actors import Actors
from app.auth.api_tokens import ApiTokenActors
from app.auth.keys import KeysError, development_keys, read_keys
from app.auth.passwords import BoundedPasswords, Effort
from app.auth.tokens import Tokens, Verifier
from app.config import Settings, SettingsError
from app.context import RequestContext
from app.db.api_token import SqlApiTokens
from app.db.audit import SqlEntries
from app.db.database import Database
from app.db.feature import SqlFeatures
from app.db.migrations import fetch_applied, newest
from app.db.pool import PoolSettings
from app.db.session import SqlSessions
from app.db.user import SqlUsers
from app.domain.api_token.model import TokenLimits
from app.domain.api_token.service import ApiTokenService, Means
from app.domain.audit.service import AuditService
from app.domain.feature.service import FeatureService
from app.domain.rate_limit.model import PointLimits
from app.domain.rate_limit.service import RateLimitService
from app.domain.session.model import AttemptLimits, Lifetimes, Origin
from app.domain.session.service import SessionPorts, SessionService
from app.domain.user.service import UserService
from app.engine.limits import Limits
from app.engine.operation import Engine, RequestError
from app.kernel.actor import Actor
from app.kernel.clock import new_id, utc_now
from app.kernel.secret import ENTROPY
from app.resolvers.root import core, costs
from app.telemetry import DatabaseMetrics, DocumentMetrics, EngineMetrics, HttpMetrics
from app.web.documents import Documents
from app.web.manifest import ManifestError, by_every_id, read_manifest


@dataclass(frozen=True, slots=True)
class Stores:
    """What services reach data through."""

    users: SqlUsers
    features: SqlFeatures
    entries: SqlEntries
    api_tokens: SqlApiTokens
    sessions: SqlSessions


class Wiring:
    """Everything one process needs; made once, closed once. Raises SettingsError."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.registry = CollectorRegistry()
        self.http_metrics = HttpMetrics(self.registry)
        self.database_metrics = DatabaseMetrics(self.registry)
        self.database = Database(pool_settings(settings), self.database_metrics.record)
        self.redis = _redis(settings)
        database = self.database
        self.stores = stores = Stores(
            SqlUsers(database),
            SqlFeatures(database),
            SqlEntries(database),
            SqlApiTokens(database),
            SqlSessions(database),
        )
        self.tokens = tokens_of(settings)
        verifier = Verifier(self.tokens)
        self.api_token_actors = ApiTokenActors(
            stores.api_tokens.fetch_actor,
            stores.api_tokens.note_uses,
            settings.actor_ttl,
            settings.database_acquire_timeout,
        )
        self.actors = Actors(verifier, stores.users.fetch_actor, utc_now, settings.actor_ttl, self.api_token_actors)
        self._token_means = Means(
            stores.api_tokens,
            LoggedEvents(),
            TokenLimits(settings.api_token_limit, settings.api_token_days),
            utc_now,
            new_id,
            partial(token_bytes, ENTROPY),
        )
        self._buckets = LocalBuckets()
        self.security_events = LoggedEvents()
        self.passwords = BoundedPasswords(effort_of(settings))
        self._session_ports = SessionPorts(
            self.stores.sessions,
            self.passwords,
            SignedAccessTokens(self.tokens),
            BucketAttempts(self._buckets, utc_now),
            self.security_events,
            utc_now,
            new_id,
        )
        self._points = PointLimits(settings.guest_points, settings.user_points)
        self.engine = Engine(
            core,
            costs,
            _limits(settings),
            settings.max_tokens,
            suggestions=settings.environment == "development",
            executor=settings.executor,
            on_executed=EngineMetrics(self.registry).record,
        )
        self.documents = self._documents()

    def context(self, actor: Actor, request_id: str, client: str, cost: int) -> RequestContext:
        """Of one operation that costs so many points; `client` is the caller's address."""
        stores, limit = self.stores, self.settings.active_feature_limit
        return RequestContext(
            actor,
            request_id,
            RateLimitService(actor, self._buckets, utc_now, self._points, client),
            cost,
            UserService(actor, stores.users),
            FeatureService(actor, stores.features, request_id, utc_now, new_id, limit),
            AuditService(actor, stores.entries),
            ApiTokenService(actor, self._token_means, request_id, client),
        )

    def session_service(self, actor: Actor, origin: Origin) -> SessionService:
        lifetimes, limits = lifetimes_of(self.settings), attempt_limits_of(self.settings)
        return SessionService(actor, origin, self._session_ports, lifetimes, limits)

    def _documents(self) -> Documents:
        settings, record = self.settings, DocumentMetrics(self.registry).record
        ttl = settings.persisted_query_ttl
        store = RegisteredDocuments(self.redis, ttl, record) if ttl else None
        return Documents(store, trusted_documents(settings, self.engine), settings.trusted_documents == "only")

    async def database_answers(self) -> bool:
        await fetch_applied(self.database)
        return True

    async def migrations_are_current(self) -> bool:
        return await fetch_applied(self.database) == newest()

    async def redis_answers(self) -> bool:
        try:
            return bool(await self.redis.ping())
        except RedisError:
            return False

    async def close(self) -> None:
        self.passwords.close()
        await self.redis.aclose()
        await self.database.close()


def trusted_documents(settings: Settings, engine: Engine) -> dict[str, str]:
    """Texts by all of their ids, each valid. Raises SettingsError for the first that is not."""
    if settings.trusted_documents == "off" or settings.trusted_documents_path is None:
        return {}
    try:
        documents = read_manifest(settings.trusted_documents_path)
    except ManifestError as error:
        raise SettingsError(f"TRUSTED_DOCUMENTS_PATH: {error}") from None
    for name, text in documents.items():
        try:
            engine.check(text)
        except RequestError as error:
            reason = " ".join(error.errors[0].message.split())
            raise SettingsError(f"TRUSTED_DOCUMENTS_PATH: {name} cannot be run: {reason}") from None
    return by_every_id(documents)


def effort_of(settings: Settings) -> Effort:
    threads, waiting = settings.password_threads, settings.password_queue
    return Effort(settings.password_memory, settings.password_passes, threads, waiting)


def lifetimes_of(settings: Settings) -> Lifetimes:
    seconds = (settings.access_token_ttl, settings.refresh_token_ttl, settings.session_ttl)
    return Lifetimes(*(timedelta(seconds=count) for count in seconds))


def attempt_limits_of(settings: Settings) -> AttemptLimits:
    by_address, by_account = settings.login_attempts_per_address, settings.login_attempts_per_account
    return AttemptLimits(by_address, by_account, settings.refresh_attempts_per_address)


def tokens_of(settings: Settings) -> Tokens:
    """Raises SettingsError."""
    try:
        return Tokens(_keys(settings), settings.jwt_issuer, settings.jwt_audience)
    except KeysError as error:
        raise SettingsError(f"JWT_KEYS: {error}") from None


def development_key_file(settings: Settings) -> Path:
    return settings.data_dir / "jwt-keys.json"


def _keys(settings: Settings) -> KeySet:
    if settings.jwt_keys is not None:
        return read_keys(settings.jwt_keys.get_secret_value())
    if settings.jwt_keys_file is not None:
        try:
            return read_keys(settings.jwt_keys_file.read_text())
        except (OSError, UnicodeDecodeError):
            raise SettingsError("JWT_KEYS_FILE: the file cannot be read; check its path and its permissions") from None
    return development_keys(development_key_file(settings))


def pool_settings(settings: Settings) -> PoolSettings:
    if settings.database_url is None:
        raise SettingsError("DATABASE_URL: set it, or start with `make run`, which brings a database along")
    return PoolSettings(
        url=settings.database_url.get_secret_value(),
        role=settings.database_role,
        size=settings.database_pool_size,
        connect_timeout=settings.database_connect_timeout,
        acquire_timeout=settings.database_acquire_timeout,
        statement_timeout=settings.database_statement_timeout,
        prepare=settings.database_prepare,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        depth=settings.max_depth,
        aliases=settings.max_aliases,
        root_fields=settings.max_root_fields,
        directives=settings.max_directives,
        fields=settings.max_fields,
        document_bytes=settings.max_document_bytes,
    )


def _redis(settings: Settings) -> Redis:
    if settings.redis_url is None:
        raise SettingsError("REDIS_URL: set it, or start with `make run`, which brings a Valkey along")
    return Redis.from_url(settings.redis_url.get_secret_value(), socket_timeout=1, socket_connect_timeout=1)
