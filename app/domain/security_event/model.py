"""What a security reviewer wants to know of afterwards (R23)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from app.kernel.cursor import Position
from app.kernel.ids import SecurityEventId, UserId
from app.kernel.json import Json
from app.kernel.page import Window
from app.kernel.range import DateTimeRange
from app.kernel.value import value

ORDER = "SecurityEvent.CREATED_AT.DESC"  # events come newest first, always

type SecurityEventKind = Literal[
    "PERMISSION_DENIED",
    "LOGIN_SUCCEEDED",
    "LOGIN_FAILED",
    "LOGIN_LIMITED",
    "REFRESH_REUSED",
    "SESSION_REVOKED",
    "IDENTITY_LINKED",
    "TOKEN_CREATED",
    "TOKEN_REVOKED",
    "USER_CREATED",
    "ROLE_CHANGED",
    "USER_DISABLED",
    "USER_ENABLED",
    "PASSWORD_CHANGED",
    "KEYS_ROTATED",
]


@value
class SecurityEvent:
    """`actor_id`: who did it, None for a guest; `subject`: whom or what it was done to, an id or a permission, never a
    secret; `address`: the caller's; `facts`: what else there is to say, strings that are safe to log."""

    kind: SecurityEventKind
    actor_id: UserId | None
    subject: str | None
    address: str | None
    request_id: str | None
    created_at: datetime
    facts: Mapping[str, str] = field(default_factory=dict)


@value
class KeptEvent:
    """An event as it is kept; `facts` are a JSON object of strings."""

    id: SecurityEventId
    kind: SecurityEventKind
    actor_id: UserId | None
    subject: str | None
    address: str | None
    request_id: str | None
    facts: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SecurityEventFilter:
    kind: tuple[str, ...] | None = None
    actor_id: UserId | None = None
    created_at: DateTimeRange = DateTimeRange()


@dataclass(frozen=True, slots=True)
class SecurityEventPageRequest:
    window: Window
    filter: SecurityEventFilter = SecurityEventFilter()


def position_of(event: KeptEvent) -> Position:
    return Position(event.created_at, event.id)
