"""What a security reviewer wants to know of afterwards (R23)."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Literal

from app.kernel.ids import UserId
from app.kernel.value import value

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
