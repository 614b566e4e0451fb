"""Settings of who people are, and of the keys that prove it."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings


class Identity(BaseSettings):
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
    actor_ttl: float = Field(
        15, gt=0, le=30, description="Seconds until a changed role or a revoked session takes effect everywhere."
    )
    access_token_ttl: int = Field(900, ge=60, le=3_600, description="Seconds that an access token of a login is valid.")
    refresh_token_ttl: int = Field(
        2_592_000, ge=3_600, le=31_536_000, description="Seconds until a session that nobody uses ends."
    )
    session_ttl: int = Field(
        7_776_000, ge=3_600, le=31_536_000, description="Seconds until a session ends however much it is used."
    )
    login_attempts_per_address: int = Field(
        60, ge=1, le=1_000_000, description="Logins a minute from one address, right and wrong ones."
    )
    login_attempts_per_account: int = Field(
        100, ge=1, le=1_000_000, description="Logins a minute to one account, from anywhere."
    )
    login_attempts_per_account_and_address: int = Field(
        10, ge=1, le=1_000_000, description="Logins a minute to one account from one address."
    )
    refresh_attempts_per_address: int = Field(
        600, ge=1, le=1_000_000, description="Refreshes and logouts a minute from one address."
    )
    password_memory: int = Field(65_536, ge=8_192, le=1_048_576, description="Memory of one password's hash, in KiB.")
    password_passes: int = Field(3, ge=1, le=100, description="Passes over that memory.")
    password_threads: int = Field(2, ge=1, le=64, description="Passwords that a process works on at once.")
    password_queue: int = Field(
        32, ge=0, le=10_000, description="Logins that may wait for them; more are answered 503 at once."
    )

    @model_validator(mode="after")
    def _times_fit_each_other(self) -> Self:
        if self.access_token_ttl > self.jwt_max_lifetime:
            raise ValueError("JWT_MAX_LIFETIME must be at least ACCESS_TOKEN_TTL")
        if self.signing_key_delay < 3 * self.signing_key_refresh:
            raise ValueError("SIGNING_KEY_DELAY must be at least three times SIGNING_KEY_REFRESH")
        return self
