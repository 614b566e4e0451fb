"""What users need of a store."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from app.domain.security_event.model import SecurityEvent
from app.domain.user.model import (
    User,
    UserAuditEntry,
    UserEntryPageRequest,
    UserEntryScope,
    UserPageRequest,
    UserScope,
)
from app.kernel.ids import UserAuditEntryId, UserId
from app.kernel.page import Page

type UserPage = Page[User, UserScope]
type UserEntryPage = Page[UserAuditEntry, UserEntryScope]


class Users(Protocol):
    async def fetch_by_ids(self, ids: Sequence[UserId]) -> Mapping[UserId, User]: ...

    async def fetch_page(self, request: UserPageRequest, visible_to: UserId | None) -> UserPage:
        """`visible_to`: only that user; None: every user."""
        ...

    async def fetch_count(self, scope: UserScope) -> int: ...


class UserWork(Protocol):
    """One open transaction; committed when its block ends, undone when the block raises."""

    async def lock(self, id: UserId | None) -> Mapping[UserId, User]:
        """That user, where there is one, and everybody who administers users: nobody else changes any of them until
        the transaction ends."""
        ...

    async def write(self, before: User | None, after: User, entry: UserAuditEntry, event: SecurityEvent | None) -> None:
        """The user, its entry and the event, if there is one. Raises DuplicateEmail; then the whole work is undone."""
        ...

    async def set_password(self, id: UserId, password_hash: str, event: SecurityEvent | None) -> None:
        """And the event, if there is one. Ends the user's sessions."""
        ...


class UserWrites(Protocol):
    def work(self) -> AbstractAsyncContextManager[UserWork]: ...


class UserEntries(Protocol):
    async def fetch_by_ids(self, ids: Sequence[UserAuditEntryId]) -> Mapping[UserAuditEntryId, UserAuditEntry]: ...

    async def fetch_pages(self, ids: Sequence[UserId], request: UserEntryPageRequest) -> Mapping[UserId, UserEntryPage]:
        """One page for every id."""
        ...

    async def fetch_counts(self, scopes: Sequence[UserEntryScope]) -> Mapping[UserEntryScope, int]: ...
