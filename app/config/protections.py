"""Settings of how much everybody may ask, of proxies and browsers, and of slow or greedy connections."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

type Network = IPv4Network | IPv6Network


class Protections(BaseSettings):
    guest_points: int = Field(600, ge=1, le=1_000_000_000, description="Points a minute per guest's address.")
    user_points: int = Field(100_000, ge=1, le=1_000_000_000, description="Points a minute per user.")
    guest_requests: int = Field(60, ge=1, le=1_000_000_000, description="REST requests a minute per guest's address.")
    user_requests: int = Field(1_000, ge=1, le=1_000_000_000, description="REST requests a minute per user.")
    rest_post_limit: int = Field(100, ge=1, le=1_000_000_000, description="POSTs over REST an hour.")
    rest_get_limit: int = Field(1_000, ge=1, le=1_000_000_000, description="GETs over REST an hour.")
    rest_put_limit: int = Field(200, ge=1, le=1_000_000_000, description="PUTs and PATCHes over REST an hour.")
    rest_delete_limit: int = Field(50, ge=1, le=1_000_000_000, description="DELETEs over REST an hour.")
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
    max_concurrent_requests: int = Field(
        200,
        ge=1,
        le=1_000_000,
        description="Requests that a process works on at once, fewer while they are slow; more are told to wait.",
    )
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

    @property
    def proxies(self) -> list[Network]:
        return _networks(self.trusted_proxies)

    @property
    def origins(self) -> list[str]:
        return _parts(self.cors_origins)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _networks(text: str) -> list[Network]:
    return [ip_network(part) for part in _parts(text)]


def _is_origin(text: str) -> bool:
    """As a browser sends it: in lower case, without a path and without the scheme's own port."""
    return re.fullmatch(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", text) is not None
