"""Settings to the parts that the wiring joins; nothing is opened or started here. Raises SettingsError."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from joserfc.jwk import KeySet
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from redis.asyncio import Redis

from app.adapters.documents import RegisteredDocuments
from app.adapters.legacy_calls import CountedLegacyCalls
from app.adapters.redis_away import redis_at
from app.adapters.redis_buckets import RedisBuckets
from app.adapters.traced_redis import TracedRedis
from app.auth.key_ring import KeyRing, development_ring, read_ring
from app.auth.keys import KeysError, development_keys, read_keys
from app.auth.passwords import Effort
from app.auth.stored_keys import StoredKeys
from app.auth.tokens import Tokens
from app.config.settings import Settings, SettingsError
from app.db.connect import PoolSettings
from app.db.database import Database
from app.db.legacy_call import SqlLegacyCalls
from app.domain.rate_limit.model import HOUR, Policies, Policy
from app.domain.session.model import AttemptLimits, Lifetimes
from app.engine.limits import Limits
from app.engine.operation import Engine, RequestError
from app.kernel.clock import utc_now
from app.telemetry.metrics import DocumentMetrics, LegacyMetrics, RateLimitMetrics
from app.web.documents import Documents
from app.web.manifest import ManifestError, by_every_id, read_manifest

MANY = 10_000  # requests an hour


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


def documents_of(settings: Settings, engine: Engine, redis: Redis, registry: CollectorRegistry) -> Documents:
    """Raises SettingsError."""
    record, ttl = DocumentMetrics(registry).record, settings.persisted_query_ttl
    store = RegisteredDocuments(redis, ttl, record) if ttl else None
    return Documents(store, trusted_documents(settings, engine), settings.trusted_documents == "only")


def effort_of(settings: Settings) -> Effort:
    threads, waiting = settings.password_threads, settings.password_queue
    return Effort(settings.password_memory, settings.password_passes, threads, waiting)


def lifetimes_of(settings: Settings) -> Lifetimes:
    seconds = (settings.access_token_ttl, settings.refresh_token_ttl, settings.session_ttl)
    return Lifetimes(*(timedelta(seconds=count) for count in seconds))


def attempt_limits_of(settings: Settings) -> AttemptLimits:
    return AttemptLimits(
        settings.login_attempts_per_address,
        settings.login_attempts_per_account,
        settings.login_attempts_per_account_and_address,
        settings.refresh_attempts_per_address,
    )


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
        breaker_pause=settings.database_breaker_pause,
    )


def engine_limits_of(settings: Settings) -> Limits:
    return Limits(
        depth=settings.max_depth,
        aliases=settings.max_aliases,
        root_fields=settings.max_root_fields,
        directives=settings.max_directives,
        fields=settings.max_fields,
        document_bytes=settings.max_document_bytes,
    )


def policies_of(settings: Settings) -> Policies:
    return Policies(
        guest=Policy("requests", settings.guest_requests),
        user=Policy("requests", settings.user_requests, lots=True),
        post=_of_act("post", settings.rest_post_limit),
        get=Policy("get", settings.rest_get_limit, HOUR, lots=True),
        put=_of_act("put", settings.rest_put_limit),
        delete=_of_act("delete", settings.rest_delete_limit),
    )


def _of_act(name: str, limit: int) -> Policy:
    """Few are counted exactly; of many a process may take some ahead, which saves a round trip for each request."""
    return Policy(name, limit, HOUR, lots=limit >= MANY)


def redis_of(settings: Settings, *, traced: bool = False) -> Redis:
    return redis_at(_redis_url(settings), 1.0, TracedRedis if traced else Redis)


def redis_buckets_of(settings: Settings, metrics: RateLimitMetrics, *, traced: bool = False) -> RedisBuckets:
    client = TracedRedis if traced else Redis
    return RedisBuckets(_redis_url(settings), settings.rate_limit_timeout, metrics.told, metrics.failed, client)


def _redis_url(settings: Settings) -> str:
    if settings.redis_url is None:
        raise SettingsError("REDIS_URL: set it, or start with `make run`, which brings a Valkey along")
    return settings.redis_url.get_secret_value()


@asynccontextmanager
async def owner_database(settings: Settings) -> AsyncIterator[Database]:
    """For commands: as the owner of the database, whose address is known."""
    assert settings.owner_url is not None  # the caller sees to it
    database = Database(replace(pool_settings(settings), url=settings.owner_url, role="", size=1))
    try:
        yield database
    finally:
        await database.close()


def legacy_calls_of(store: SqlLegacyCalls, registry: CollectorRegistry) -> CountedLegacyCalls:
    return CountedLegacyCalls(store.note, LegacyMetrics(registry), utc_now)
