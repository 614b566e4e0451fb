"""What an API token is, and how tokens are asked for. The token itself is shown once, and never kept (R25)."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from app.kernel.cursor import Position
from app.kernel.ids import ApiTokenId, UserId
from app.kernel.page import Window
from app.kernel.value import value

type TokenKind = Literal["PERSONAL", "SERVICE"]

ORDER = "ApiToken.CREATED_AT.DESC"  # tokens come newest first, always


@value
class ApiToken:
    """Acts as its user, narrowed to the scopes. `hint` is how its text begins; `last_used_at` lags by a minute."""

    id: ApiTokenId
    user_id: UserId
    kind: TokenKind
    name: str
    scopes: list[str]
    hint: str
    created_at: datetime
    created_by: UserId
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class TokenDraft:
    """`user_id` None: the actor's own."""

    name: str
    scopes: tuple[str, ...]
    expires_at: datetime
    user_id: UserId | None = None
    kind: TokenKind = "PERSONAL"


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """The only moment at which the text of a token is known."""

    token: ApiToken
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenLimits:
    per_user: int  # tokens that live: neither revoked nor run out
    days: int  # that a token may live at most


@dataclass(frozen=True, slots=True)
class TokenPageRequest:
    window: Window


@dataclass(frozen=True, slots=True)
class TokenScope:
    """What a page is cut from: tokens of that user, visible to `visible_to` (None: any are visible)."""

    user_id: UserId | None
    visible_to: UserId | None


def position_of(token: ApiToken) -> Position:
    return Position(token.created_at, token.id)
