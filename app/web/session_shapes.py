"""What login, refresh, logout and sessions take and answer with, as JSON has it; the OpenAPI document is made of this."""

from datetime import datetime
from typing import Annotated, Literal, NotRequired, TypedDict

from pydantic import ConfigDict, Field, with_config

from app.domain.session.rules import MAX_PASSWORD
from app.domain.user.rules import MAX_EMAIL

KNOWN_ALONE = ConfigDict(extra="forbid")


@with_config(KNOWN_ALONE)
class LoginBody(TypedDict):
    email: Annotated[str, Field(max_length=MAX_EMAIL, json_schema_extra={"format": "email"})]
    password: Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD)]


@with_config(KNOWN_ALONE)
class TokenBody(TypedDict):
    """Without the token the cookie of single sign-on counts, where there is one."""

    refresh_token: NotRequired[str | None]


class Tokens(TypedDict):
    """Times in seconds. `refresh_token` is missing where it went into the cookie."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: NotRequired[str]
    refresh_expires_in: int


class OwnSession(TypedDict):
    """`expires_at`: when it ends unless it is used before; `user_agent` and `address` are of the login."""

    id: Annotated[str, Field(json_schema_extra={"format": "uuid"})]
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    user_agent: str | None
    address: str | None
    current: bool


class OwnSessions(TypedDict):
    sessions: list[OwnSession]


def names_of(body: type) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Fields that must be there, and those that may, in the order in which they stand."""
    required: frozenset[str] = getattr(body, "__required_keys__", frozenset())
    names = tuple(body.__annotations__)
    return tuple(name for name in names if name in required), tuple(name for name in names if name not in required)
