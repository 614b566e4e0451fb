"""What a user is, and how users are asked for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.kernel.actor import Role
from app.kernel.cursor import Position
from app.kernel.ids import UserAuditEntryId, UserId
from app.kernel.json import Json
from app.kernel.page import Window
from app.kernel.value import value

ORDER = "User.CREATED_AT.ASC"  # users come oldest first, always
ENTRY_ORDER = "UserAuditEntry.CREATED_AT.DESC"  # entries come newest first, always

# What is left unread of one who comes along with what names them, where nobody wants it: it takes long to decode.
UNREAD_ALONG = ("created_at",)

type UserAction = Literal["CREATE", "UPDATE", "CHANGE_ROLE", "DISABLE", "ENABLE"]


@value
class User:
    """A person who owns features and changes them. `email` and `disabled_at` are None where the actor may not read
    them."""

    id: UserId
    name: str
    email: str | None
    role: Role
    created_at: datetime
    disabled_at: datetime | None = None

    @property
    def administers(self) -> bool:
        return self.role == "ADMIN" and self.disabled_at is None


@value
class UserAuditEntry:
    """One change of one user. Values are whole snapshots: `old_values` is None for a CREATE."""

    id: UserAuditEntryId
    user_id: UserId
    actor_id: UserId | None
    action: UserAction
    old_values: Json | None
    new_values: Json
    request_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UserPageRequest:
    window: Window


@dataclass(frozen=True, slots=True)
class UserScope:
    """What a page is cut from: users visible to `visible_to` (None: to the actor any user is visible)."""

    visible_to: UserId | None


@dataclass(frozen=True, slots=True)
class UserEntryPageRequest:
    window: Window


@dataclass(frozen=True, slots=True)
class UserEntryScope:
    user_id: UserId


def position_of(user: User) -> Position:
    return Position(user.created_at, user.id)


def entry_position_of(entry: UserAuditEntry) -> Position:
    return Position(entry.created_at, entry.id)
