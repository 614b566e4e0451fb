"""What a user is, and how users are asked for."""

from dataclasses import dataclass
from datetime import datetime

from app.kernel.actor import Role
from app.kernel.cursor import Position
from app.kernel.ids import UserId
from app.kernel.page import Window
from app.kernel.value import value

ORDER = "User.CREATED_AT.ASC"  # users come oldest first, always


@value
class User:
    """A person who owns features and changes them. `email` is None where the actor may not read it."""

    id: UserId
    name: str
    email: str | None
    role: Role
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UserPageRequest:
    window: Window


@dataclass(frozen=True, slots=True)
class UserScope:
    """What a page is cut from: users visible to `visible_to` (None: to the actor any user is visible)."""

    visible_to: UserId | None


def position_of(user: User) -> Position:
    return Position(user.created_at, user.id)
