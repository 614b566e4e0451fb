"""The composition root: settings -> pools, keys, engine; request -> context. Ports meet their adapters here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from secrets import token_bytes
from time import monotonic

from joserfc.jwk import KeySet
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.adapters.documents import RegisteredDocuments
from app.adapters.redis_buckets import RedisBuckets
from app.adapters.security_events import LoggedEvents
from app.adapters.shared_buckets import SharedBuckets
from app.auth.actors import Actors
from app.auth.api_tokens import ApiTokenActors
from app.auth.key_ring import KeyRing, development_ring, read_ring
from app.auth.keys import KeysError, development_keys, public_keys, read_keys
from app.auth.stored_keys import KeyMaker, KeyReader, StoredKeys
from app.auth.tokens import Tokens, Verifier
from app.config import Settings, SettingsError
from app.context import RequestContext
from app.db.api_token import SqlApiTokens
from app.db.audit import SqlEntries
from app.db.database import Database
from app.db.feature import SqlFeatures
from app.db.migrations import fetch_applied, newest
from app.db.pool import PoolSettings
from app.db.signing_key import SqlSigningKeys
from app.db.user import SqlUsers
from app.domain.api_token.model import TokenLimits
from app.domain.api_token.service import ApiTokenService, Means
from app.domain.audit.service import AuditService
from app.domain.feature.service import FeatureService
from app.domain.rate_limit.model import HOUR, PointLimits, Policies, Policy
from app.domain.rate_limit.service import Limiter, RateLimitService
from app.domain.user.service import UserService
from app.engine.limits import Limits
from app.engine.operation import Engine, RequestError
from app.kernel.actor import Actor
from app.kernel.clock import new_id, utc_now
from app.kernel.secret import ENTROPY
from app.resolvers.root import core, costs
from app.telemetry import DatabaseMetrics, DocumentMetrics, EngineMetrics, HttpMetrics, RateLimitMetrics
from app.web.documents import Documents
from app.web.manifest import ManifestError, by_every_id, read_manifest


@dataclass(frozen=True, slots=True)
class Stores:
    """What services reach data through."""

    users: SqlUsers
    features: SqlFeatures
    entries: SqlEntries
    api_tokens: SqlApiTokens


class Wiring:
    """Everything one process needs; made once, closed once. Raises SettingsError."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.registry = CollectorRegistry()
        self.http_metrics = HttpMetrics(self.registry)
        self.database_metrics = DatabaseMetrics(self.registry)
        self.database = Database(pool_settings(settings), self.database_metrics.record)
        self.redis = _redis(settings)
        self.stores = stores = Stores(
            SqlUsers(self.database),
            SqlFeatures(self.database),
            SqlEntries(self.database),
            SqlApiTokens(self.database),
        )
        self.tokens = tokens_of(settings)
        verifier = Verifier(self.tokens)
        self.api_token_actors = ApiTokenActors(
            stores.api_tokens.fetch_actor,
            stores.api_tokens.note_uses,
            settings.actor_ttl,
            settings.database_acquire_timeout,
        )
        self.ring = ring_of(settings)
        self.key_reader = self._key_reader()
        learn = [self.key_reader.learn] if self.key_reader else []
        self.actors = Actors(
            verifier, stores.users.fetch_actor, utc_now, settings.actor_ttl, self.api_token_actors, *learn
        )
        self._token_means = Means(
            stores.api_tokens,
            LoggedEvents(),
            TokenLimits(settings.api_token_limit, settings.api_token_days),
            utc_now,
            new_id,
            partial(token_bytes, ENTROPY),
        )
        self._redis_buckets = _redis_buckets(settings, RateLimitMetrics(self.registry))
        self.limiter = Limiter(SharedBuckets(self._redis_buckets, utc_now, monotonic))
        self._points = PointLimits(settings.guest_points, settings.user_points)
        self.policies = _policies(settings)
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
            RateLimitService(actor, self.limiter, utc_now, self._points, client),
            cost,
            UserService(actor, stores.users),
            FeatureService(actor, stores.features, request_id, utc_now, new_id, limit),
            AuditService(actor, stores.entries),
            ApiTokenService(actor, self._token_means, request_id, client),
        )

    def _documents(self) -> Documents:
        settings, record = self.settings, DocumentMetrics(self.registry).record
        ttl = settings.persisted_query_ttl
        store = RegisteredDocuments(self.redis, ttl, record) if ttl else None
        return Documents(store, trusted_documents(settings, self.engine), settings.trusted_documents == "only")

    def _key_reader(self) -> KeyReader | None:
        """None where no key ring is given: then all keys are those of the settings."""
        if self.ring is None:
            return None
        fetch = SqlSigningKeys(self.database).fetch_all
        return KeyReader(fetch, KeyMaker(self.ring), self.tokens.stored, utc_now)

    def public_keys(self) -> list[dict[str, str]]:
        """Of this moment: those that tokens are checked with."""
        return public_keys([*self.tokens.stored.public(utc_now()), *self.tokens.keys.keys])

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
        await self._redis_buckets.close()
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


def tokens_of(settings: Settings) -> Tokens:
    """Raises SettingsError."""
    return Tokens(
        _keys(settings),
        settings.jwt_issuer,
        settings.jwt_audience,
        timedelta(seconds=settings.jwt_max_lifetime),
        StoredKeys(timedelta(seconds=settings.signing_key_delay)),
    )


def development_key_file(settings: Settings) -> Path:
    return settings.data_dir / "jwt-keys.json"


def ring_of(settings: Settings) -> KeyRing | None:
    """None in production where no key is given. Raises SettingsError."""
    if settings.encryption_keys is None and settings.encryption_keys_file is None:
        development = settings.environment == "development"
        return development_ring(settings.data_dir / "encryption-keys") if development else None
    return _read("ENCRYPTION_KEYS", settings.encryption_keys, settings.encryption_keys_file, read_ring)


def _keys(settings: Settings) -> KeySet:
    if settings.jwt_keys is None and settings.jwt_keys_file is None:
        development = settings.environment == "development"
        return development_keys(development_key_file(settings)) if development else KeySet([])
    return _read("JWT_KEYS", settings.jwt_keys, settings.jwt_keys_file, read_keys)


def _read[T](name: str, given: SecretStr | None, file: Path | None, read: Callable[[str], T]) -> T:
    """What the setting, or else its file, holds. Raises SettingsError."""
    try:
        return read(given.get_secret_value() if given is not None else (file or Path()).read_text())
    except (OSError, UnicodeDecodeError):
        message = "the file cannot be read; check its path and its permissions"
        raise SettingsError(f"{name}_FILE: {message}") from None
    except KeysError as error:
        raise SettingsError(f"{name}: {error}") from None


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


def _policies(settings: Settings) -> Policies:
    return Policies(
        guest=Policy("requests", settings.guest_requests),
        user=Policy("requests", settings.user_requests, lots=True),
        post=Policy("post", settings.rest_post_limit, HOUR),
        get=Policy("get", settings.rest_get_limit, HOUR, lots=True),
        put=Policy("put", settings.rest_put_limit, HOUR),
        delete=Policy("delete", settings.rest_delete_limit, HOUR),
        login_by_address=Policy("login", settings.login_address_limit),
        login_by_account=Policy("login-account", settings.login_account_limit, HOUR // 4),
        refresh_by_address=Policy("refresh", settings.refresh_address_limit),
    )


def _redis(settings: Settings) -> Redis:
    return Redis.from_url(_redis_url(settings), socket_timeout=1, socket_connect_timeout=1)


def _redis_buckets(settings: Settings, metrics: RateLimitMetrics) -> RedisBuckets:
    return RedisBuckets(_redis_url(settings), settings.rate_limit_timeout, metrics.told, metrics.failed)


def _redis_url(settings: Settings) -> str:
    if settings.redis_url is None:
        raise SettingsError("REDIS_URL: set it, or start with `make run`, which brings a Valkey along")
    return settings.redis_url.get_secret_value()
