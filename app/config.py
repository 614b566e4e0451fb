"""Settings: read from the environment once, by the entry points, and checked before anything starts (R30)."""

import re
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

type Network = IPv4Network | IPv6Network
type Environment = Literal["development", "production"]

V1_DEPRECATED = date(2026, 11, 20)  # since REST v2 is there


class SettingsError(Exception):
    """One line per setting that is wrong, with what to do about it."""


class Settings(BaseSettings):
    """Each is an environment variable of the same name in capitals; docs/configuration.md lists them."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", frozen=True, hide_input_in_errors=True)

    environment: Environment = Field("production", description="`development` shows GraphiQL and lets `token` mint.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
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
    database_pool_size: int = Field(16, ge=1, le=500, description="Connections at most, per process.")
    database_connect_timeout: float = Field(5, gt=0, le=60, description="Seconds to wait for a new connection.")
    database_acquire_timeout: float = Field(5, gt=0, le=60, description="Seconds to wait for a free connection.")
    database_statement_timeout: float = Field(10, gt=0, le=600, description="Seconds until a statement is cut off.")
    database_prepare: bool = Field(True, description="Keep statements prepared; `false` behind PgBouncer.")

    redis_url: SecretStr | None = Field(
        None, description="Redis 7 or later, or Valkey. Unset: `run` starts one of its own."
    )

    jwt_issuer: str = Field("feature-api", min_length=1, description="`iss` that a token must have.")
    jwt_audience: str = Field("feature-api", min_length=1, description="`aud` that a token must have.")
    jwt_keys: SecretStr | None = Field(
        None, description="JSON Web Key Set with the Ed25519 keys that tokens are checked with. Unset: `JWT_KEYS_FILE`."
    )
    jwt_keys_file: Path | None = Field(
        None, description="File with that key set. Unset in development: a key of our own in `DATA_DIR`."
    )
    jwt_max_lifetime: int = Field(
        86_400,
        ge=60,
        le=31_536_000,
        description="Longest life of a token, in seconds: one that lives longer is refused.",
    )
    encryption_keys: SecretStr | None = Field(
        None,
        description="Keys of encrypted columns, of 256 bits in Base64, by commas; the first encrypts, all decrypt.",
    )
    encryption_keys_file: Path | None = Field(
        None, description="File with those keys. Unset in development: a key of our own in `DATA_DIR`."
    )
    signing_key_refresh: float = Field(
        10, gt=0, le=15, description="Seconds after which the database's signing keys are read again."
    )
    signing_key_delay: float = Field(
        60, gt=0, le=86_400, description="Seconds that a new signing key is published before it signs."
    )
    actor_ttl: float = Field(15, gt=0, le=30, description="Seconds until a changed role takes effect everywhere.")

    active_feature_limit: int = Field(100, ge=1, le=1_000_000, description="Active features per owner at most.")
    api_token_limit: int = Field(50, ge=1, le=10_000, description="API tokens that live, per user at most.")
    api_token_days: int = Field(365, ge=1, le=3_650, description="Days that an API token may live at most.")
    max_body_bytes: int = Field(1_000_000, ge=1_000, le=100_000_000, description="Longest request body.")
    max_document_bytes: int = Field(
        100_000, ge=1_000, le=100_000_000, description="Longest GraphQL document, in bytes."
    )
    max_query_bytes: int = Field(16_000, ge=1_000, le=1_000_000, description="Longest query string of a GET.")
    max_batch: int = Field(0, ge=0, le=100, description="Operations in one request at most; 0: one, and no lists.")
    max_tokens: int = Field(
        3_000, ge=100, le=1_000_000, description="Longest GraphQL document, in tokens; validation may take its square."
    )
    max_depth: int = Field(15, ge=5, le=100, description="Deepest GraphQL operation, in levels.")
    max_fields: int = Field(
        2_000,
        ge=100,
        le=1_000_000,
        description="Most fields in a GraphQL operation, those of fragments at every spread.",
    )
    max_aliases: int = Field(100, ge=0, le=100_000, description="Most aliases in a GraphQL operation, in the same way.")
    max_directives: int = Field(
        50, ge=0, le=100_000, description="Most uses of directives in a GraphQL operation, in the same way."
    )
    max_root_fields: int = Field(20, ge=1, le=10_000, description="Most fields at the root of a GraphQL operation.")
    max_cost: int = Field(10_000, ge=100, le=1_000_000_000, description="Dearest GraphQL operation, in points.")
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
    cache_max_age: int = Field(
        0, ge=0, le=31_536_000, description="Seconds that a GET by id may be kept; 0: caches ask again each time."
    )
    executor: Literal["compiled", "reference"] = Field(
        "compiled", description="What runs operations: plans of our own, or graphql-core alone, which is slower."
    )
    guest_points: int = Field(600, ge=1, le=1_000_000_000, description="Points a minute per guest's address.")
    user_points: int = Field(100_000, ge=1, le=1_000_000_000, description="Points a minute per user.")
    guest_requests: int = Field(60, ge=1, le=1_000_000_000, description="REST requests a minute per guest's address.")
    user_requests: int = Field(1_000, ge=1, le=1_000_000_000, description="REST requests a minute per user.")
    rest_post_limit: int = Field(100, ge=1, le=1_000_000_000, description="POSTs over REST an hour.")
    rest_get_limit: int = Field(1_000, ge=1, le=1_000_000_000, description="GETs over REST an hour.")
    rest_put_limit: int = Field(200, ge=1, le=1_000_000_000, description="PUTs and PATCHes over REST an hour.")
    rest_delete_limit: int = Field(50, ge=1, le=1_000_000_000, description="DELETEs over REST an hour.")
    rest_v1_sunset: date | None = Field(
        None, description="Day (UTC) on which REST v1 may go, told by the header Sunset; after 2026-11-20."
    )
    login_address_limit: int = Field(30, ge=1, le=1_000_000_000, description="Logins a minute from one address.")
    login_account_limit: int = Field(
        10, ge=1, le=1_000_000_000, description="Logins into one account in a quarter of an hour."
    )
    refresh_address_limit: int = Field(
        120, ge=1, le=1_000_000_000, description="Refreshes of a session a minute from one address."
    )
    rate_limit_timeout: float = Field(
        0.08, gt=0, le=1, description="Seconds to wait for Redis's buckets before a process decides alone."
    )

    trusted_proxies: str = Field(
        "", description="Networks of the proxies in front, `10.0.0.0/8,fd00::/8`: their X-Forwarded-For is believed."
    )
    cors_origins: str = Field(
        "", description="Origins whose pages may ask, `https://app.example.com,https://…`, or `*`; empty: none."
    )
    hsts_max_age: int = Field(
        0, ge=0, le=63_072_000, description="Seconds for which browsers shall come by https only; 0: not told."
    )
    max_connections: int = Field(2_000, ge=1, le=1_000_000, description="Open connections; more are told to wait.")
    max_headers: int = Field(100, ge=10, le=10_000, description="Header fields of a request at most.")
    max_header_bytes: int = Field(
        32_768, ge=1_000, le=1_000_000, description="Longest head of a request, its query string not counted."
    )
    header_timeout: float = Field(10, gt=0, le=600, description="Seconds in which the head of a request must arrive.")
    body_timeout: float = Field(30, gt=0, le=3_600, description="Seconds in which the body must arrive after it.")
    write_timeout: float = Field(30, gt=0, le=3_600, description="Seconds in which an answer must be taken.")
    keep_alive_timeout: int = Field(
        75, ge=1, le=3_600, description="Seconds that a connection is kept for the next request."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")
    log_format: Annotated[
        Literal["auto", "json", "text"], Field(description="`auto`: lines for people on a terminal, else JSON.")
    ] = "auto"

    @field_validator("database_url", "database_owner_url", "redis_url")
    @classmethod
    def _is_an_address(cls, url: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        schemes = ("redis", "rediss", "unix") if info.field_name == "redis_url" else ("postgresql",)
        if url is not None and not _has_scheme(url.get_secret_value(), schemes):
            example = f"{schemes[0]}://user:password@host/0"
            raise ValueError(f"it must be an address such as {example}, with what is special in it percent-encoded")
        return url

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        try:
            _networks(text)
        except ValueError:
            raise ValueError("it must be networks such as 10.0.0.0/8 or 2001:db8::1, with commas between") from None
        return text

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, text: str) -> str:
        found = _parts(text)
        if found != ["*"] and not all(_is_origin(origin) for origin in found):
            raise ValueError("it must be origins such as https://app.example.com, with commas between, or `*` alone")
        return text

    @model_validator(mode="after")
    def _production_is_complete(self) -> Self:
        if self.environment == "production":
            for name in ("database_url", "redis_url"):
                if getattr(self, name) is None:
                    raise ValueError(f"{name.upper()} must be set in production")
            if not any((self.jwt_keys, self.jwt_keys_file, self.encryption_keys, self.encryption_keys_file)):
                keys = "JWT_KEYS or JWT_KEYS_FILE, or for keys in the database ENCRYPTION_KEYS or ENCRYPTION_KEYS_FILE,"
                raise ValueError(f"{keys} must be set in production")
        return self

    @model_validator(mode="after")
    def _signing_keys_are_read_before_they_sign(self) -> Self:
        if self.signing_key_delay < 3 * self.signing_key_refresh:
            raise ValueError("SIGNING_KEY_DELAY must be at least three times SIGNING_KEY_REFRESH")
        return self

    @model_validator(mode="after")
    def _trusted_documents_are_named(self) -> Self:
        if self.trusted_documents != "off" and self.trusted_documents_path is None:
            raise ValueError("TRUSTED_DOCUMENTS_PATH must be set, or TRUSTED_DOCUMENTS=off")
        return self

    @field_validator("rest_v1_sunset")
    @classmethod
    def _is_after_the_deprecation(cls, day: date | None) -> date | None:
        if day is not None and day <= V1_DEPRECATED:
            raise ValueError(f"it must be after {V1_DEPRECATED}, since when v1 is deprecated (RFC 9745 §4)")
        return day

    @property
    def proxies(self) -> list[Network]:
        return _networks(self.trusted_proxies)

    @property
    def origins(self) -> list[str]:
        return _parts(self.cors_origins)

    @property
    def owner_url(self) -> str | None:
        url = self.database_owner_url or self.database_url
        return url.get_secret_value() if url else None


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _networks(text: str) -> list[Network]:
    return [ip_network(part) for part in _parts(text)]


def _is_origin(text: str) -> bool:
    """As a browser sends it: in lower case, without a path and without the scheme's own port."""
    return re.fullmatch(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", text) is not None


def _has_scheme(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and parts.port != 0
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
