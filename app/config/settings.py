"""Settings: read from the environment once, by the entry points, and checked before anything starts (R30)."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from app.config.events import Events
from app.config.identity import Identity
from app.config.limits import Limits
from app.config.observing import Observing
from app.config.protections import Protections
from app.config.rest import Rest
from app.config.single_sign_on import SingleSignOn

type Environment = Literal["development", "production"]


class SettingsError(Exception):
    """One line per setting that is wrong, with what to do about it."""


class Settings(Identity, SingleSignOn, Limits, Protections, Rest, Events, Observing):
    """Each is an environment variable of the same name in capitals; docs/configuration.md lists them."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", frozen=True, hide_input_in_errors=True)

    environment: Environment = Field("production", description="`development` shows GraphiQL and lets `token` mint.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    shutdown_delay: float = Field(
        0,
        ge=0,
        le=300,
        description="Seconds after SIGTERM in which all is still answered, but /health/ready is 503.",
    )
    data_dir: Path = Field(Path(".data"), description="Where the embedded servers and the development key live.")

    database_url: SecretStr | None = Field(
        None, description="PostgreSQL 15 to 18, as the application's user. Unset: `run` starts one of its own."
    )
    database_owner_url: SecretStr | None = Field(
        None, description="The same database as its owner, for migrations and seed. Unset: `DATABASE_URL`."
    )
    database_role: str = Field(
        "feature_api_app", description="Role that each connection takes; empty behind PgBouncer."
    )
    database_row_security: Literal["off", "on"] = Field(
        "off", description="`on`: requests of users run as a role that sees their own rows alone, whatever is asked."
    )
    database_pool_size: int = Field(
        16, ge=1, le=500, description="Connections at most, per process; with `DATABASE_ROW_SECURITY` twice as many."
    )
    database_connect_timeout: float = Field(5, gt=0, le=60, description="Seconds to wait for a new connection.")
    database_acquire_timeout: float = Field(5, gt=0, le=60, description="Seconds to wait for a free connection.")
    database_statement_timeout: float = Field(10, gt=0, le=600, description="Seconds until a statement is cut off.")
    database_breaker_pause: float = Field(
        2, gt=0, le=60, description="Seconds that a database which failed five times on end is left alone."
    )
    database_replica_urls: SecretStr | None = Field(
        None,
        description="Replicas that may be read, `postgresql://…,postgresql://…`. Unset: the primary is read.",
    )
    database_replica_max_lag: float = Field(
        10, ge=1, le=3_600, description="Seconds that a replica may be behind and still be read."
    )
    database_prepare: bool = Field(True, description="Keep statements prepared; `false` behind PgBouncer.")

    redis_url: SecretStr | None = Field(
        None, description="Redis 7 or later, or Valkey. Unset: `run` starts one of its own."
    )

    active_feature_limit: int = Field(100, ge=1, le=1_000_000, description="Active features per owner at most.")
    api_token_limit: int = Field(50, ge=1, le=10_000, description="API tokens that live, per user at most.")
    api_token_days: int = Field(365, ge=1, le=3_650, description="Days that an API token may live at most.")
    security_event_retention_days: int = Field(
        365, ge=30, le=36_500, description="Days that security events are kept; never less than 30."
    )
    idempotency_ttl: int = Field(
        86_400, ge=60, le=31_536_000, description="Seconds that an answer is kept for its `Idempotency-Key`."
    )
    validation_status: Literal["422", "400"] = Field(
        "422", description="Status of an operation that does not validate: 422 since September 2026, 400 before."
    )
    partial_status: Literal["200", "294"] = Field(
        "200", description="Status of data with errors: 294 is the standard's own, unknown to many proxies."
    )
    persisted_query_ttl: int = Field(
        86_400, ge=0, le=31_536_000, description="Seconds that documents which clients register are kept; 0: none are."
    )
    trusted_documents: Literal["off", "allow", "only"] = Field(
        "off", description="`allow`: run those of `TRUSTED_DOCUMENTS_PATH` by their ids too; `only`: nothing else."
    )
    trusted_documents_path: Path | None = Field(
        None, description="Folder of .graphql files, or manifest of Apollo, Relay or GraphQL Code Generator."
    )
    operations_recorded: int = Field(
        1, ge=0, le=1_000_000, description="One of so many operations of users is recorded, without values; 0: none."
    )
    operation_retention_days: int = Field(
        90, ge=1, le=3_650, description="Days that an operation which nobody sends any more is remembered."
    )
    cache_max_age: int = Field(
        0, ge=0, le=31_536_000, description="Seconds that a GET by id may be kept; 0: caches ask again each time."
    )
    compress_from: int = Field(
        1_400,
        ge=0,
        le=1_000_000_000,
        description="Bytes from which on answers are compressed for who asks; 0: none are.",
    )
    executor: Literal["compiled", "reference"] = Field(
        "compiled", description="What runs operations: plans of our own, or graphql-core alone, which is slower."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")
    log_format: Annotated[
        Literal["auto", "json", "text"], Field(description="`auto`: lines for people on a terminal, else JSON.")
    ] = "auto"

    @field_validator("database_url", "database_owner_url", "database_replica_urls", "redis_url")
    @classmethod
    def _is_an_address(cls, url: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        schemes = ("redis", "rediss", "unix") if info.field_name == "redis_url" else ("postgresql",)
        each = (
            _addresses(url) if info.field_name == "database_replica_urls" else [url.get_secret_value()] if url else []
        )
        if url is not None and not all(_has_scheme(one, schemes) for one in each or [""]):
            example = f"{schemes[0]}://user:password@host/0"
            raise ValueError(f"it must be an address such as {example}, with what is special in it percent-encoded")
        return url

    @model_validator(mode="after")
    def _production_is_complete(self) -> Self:
        if self.environment == "production":
            for name in ("database_url", "redis_url"):
                if getattr(self, name) is None:
                    raise ValueError(f"{name.upper()} must be set in production")
            if not any((self.jwt_keys, self.jwt_keys_file, self.encryption_keys, self.encryption_keys_file)):
                keys = "JWT_KEYS or JWT_KEYS_FILE, or for keys in the database ENCRYPTION_KEYS or ENCRYPTION_KEYS_FILE,"
                raise ValueError(f"{keys} must be set in production")
            if self.oidc_issuer is not None:
                if self.public_url is None:
                    raise ValueError("PUBLIC_URL must be set in production with OIDC_ISSUER")
                if self.encryption_keys is None and self.encryption_keys_file is None:
                    keys = "ENCRYPTION_KEYS or ENCRYPTION_KEYS_FILE"
                    raise ValueError(f"{keys} must be set in production with OIDC_ISSUER")
        return self

    @model_validator(mode="after")
    def _trusted_documents_are_named(self) -> Self:
        if self.trusted_documents != "off" and self.trusted_documents_path is None:
            raise ValueError("TRUSTED_DOCUMENTS_PATH must be set, or TRUSTED_DOCUMENTS=off")
        return self

    @property
    def replica_urls(self) -> list[str]:
        return _addresses(self.database_replica_urls)

    @property
    def owner_url(self) -> str | None:
        url = self.database_owner_url or self.database_url
        return url.get_secret_value() if url else None


def _addresses(urls: SecretStr | None) -> list[str]:
    """One may name several servers, with commas between, too."""
    text = urls.get_secret_value() if urls is not None else ""
    return [each.strip() for each in re.split(r",(?=\s*\w+://)", text) if each.strip()]


def _has_scheme(url: str, schemes: tuple[str, ...]) -> bool:
    """Of PostgreSQL several servers may be named, with commas between."""
    try:
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2].split(",") if "postgresql" in schemes else [parts.netloc]
        return (
            parts.scheme in schemes and "," not in parts.path and all(urlsplit(f"//{host}").port != 0 for host in hosts)
        )
    except ValueError:  # no port: often a part of a password
        return False


def read_settings(**given: Any) -> Settings:
    """From the environment, `given` first. Raises SettingsError; the values themselves are never in its text."""
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [
            f"{'_'.join(str(part) for part in fault['loc']).upper() or 'Settings'}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("\n".join(lines)) from None
