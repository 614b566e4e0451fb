"""Settings of single sign-on: whom to ask who somebody is, and which role that makes them."""

import re
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

LOOPBACK = ("localhost", "127.0.0.1", "::1")
ROLES = ("ADMIN", "MANAGER", "USER", "VIEWER")


class SingleSignOn(BaseSettings):
    oidc_issuer: str | None = Field(
        None, description="OpenID Connect provider, as it names itself (`iss`). Unset: no single sign-on."
    )
    oidc_client_id: str | None = Field(None, min_length=1, description="What the provider calls this server.")
    oidc_client_secret: SecretStr | None = Field(None, description="Its secret there. Unset: a public client.")
    oidc_scopes: str = Field(
        "openid profile email", description="What is asked for, with spaces between; `openid` is among it."
    )
    oidc_role_claim: str = Field(
        "roles", min_length=1, description="Claim with the person's groups or roles; `realm_access.roles` is a path."
    )
    oidc_role_map: str = Field(
        "", description="Roles by the values of that claim, `feature-admins=ADMIN,staff=USER`: the highest counts."
    )
    oidc_default_role: Literal["", "ADMIN", "MANAGER", "USER", "VIEWER"] = Field(
        "", description="Role of whoever has none of those values; empty: they are not let in."
    )
    public_url: str | None = Field(
        None, description="Where browsers reach this server, `https://features.example.com`: for single sign-on."
    )

    @field_validator("oidc_issuer")
    @classmethod
    def _is_an_issuer(cls, url: str | None) -> str | None:
        if url is not None and not _is_safe(url):
            raise ValueError("it must be an address such as https://login.example.com/realms/one, without a query")
        return url

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, url: str | None) -> str | None:
        if url is not None and not (_is_safe(url) and urlsplit(url).path in ("", "/")):
            raise ValueError("it must be an origin such as https://features.example.com, without a path")
        return url.rstrip("/") if url else url

    @field_validator("oidc_scopes")
    @classmethod
    def _ask_who_it_is(cls, scopes: str) -> str:
        if "openid" not in scopes.split():
            raise ValueError("it must have `openid` among its words")
        return scopes

    @field_validator("oidc_role_map")
    @classmethod
    def _maps_to_roles(cls, text: str) -> str:
        pairs = [part.rpartition("=") for part in _parts(text)]
        if any(not value or role not in ROLES for value, _, role in pairs):
            raise ValueError("it must be pairs such as staff=USER, with commas between; roles are " + ", ".join(ROLES))
        return text

    @model_validator(mode="after")
    def _sign_on_is_complete(self) -> Self:
        if self.oidc_issuer is not None:
            if self.oidc_client_id is None:
                raise ValueError("OIDC_CLIENT_ID must be set with OIDC_ISSUER")
            if not self.oidc_role_map and not self.oidc_default_role:
                raise ValueError("OIDC_ROLE_MAP or OIDC_DEFAULT_ROLE must be set with OIDC_ISSUER: nobody gets in")
        return self

    @property
    def oidc_roles(self) -> dict[str, str]:
        """Roles by the values of the claim."""
        return {value: role for value, _, role in (part.rpartition("=") for part in _parts(self.oidc_role_map))}


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _is_safe(url: str) -> bool:
    """https, or http to this very machine; nothing but host, port and path."""
    if not re.fullmatch(r"https?://[!-~]+", url) or set(url) & set("\\@?#"):
        return False
    try:
        parts = urlsplit(url)
        return (
            bool(parts.hostname) and (parts.port or 1) > 0 and (parts.scheme == "https" or parts.hostname in LOOPBACK)
        )
    except ValueError:
        return False
