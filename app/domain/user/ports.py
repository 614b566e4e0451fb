"""What users need of a store."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from app.domain.user.model import User, UserPageRequest, UserScope
from app.kernel.ids import UserId
from app.kernel.page import Page

type UserPage = Page[User, UserScope]


class Users(Protocol):
    async def fetch_by_ids(self, ids: Sequence[UserId]) -> Mapping[UserId, User]: ...

    async def fetch_page(self, request: UserPageRequest, visible_to: UserId | None) -> UserPage:
        """`visible_to`: only that user; None: every user."""
        ...

    async def fetch_count(self, scope: UserScope) -> int: ...
