"""What API tokens need of a store."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from app.domain.api_token.model import ApiToken, TokenPageRequest, TokenScope
from app.domain.security_event.model import SecurityEvent
from app.kernel.ids import ApiTokenId, UserId
from app.kernel.page import Page

type TokenPage = Page[ApiToken, TokenScope]


class ApiTokenWork(Protocol):
    """One open transaction; committed when its block ends, undone when the block raises."""

    async def revoke(self, id: ApiTokenId, at: datetime, visible_to: UserId | None) -> ApiToken | None:
        """The token afterwards; one that is revoked keeps its time. None where there is none that is visible."""
        ...

    async def append(self, event: SecurityEvent) -> None: ...


class ApiTokens(Protocol):
    """`visible_to`: only that user's tokens; None: anybody's."""

    async def fetch_by_ids(
        self, ids: Sequence[ApiTokenId], visible_to: UserId | None
    ) -> Mapping[ApiTokenId, ApiToken]: ...

    async def fetch_pages_of_users(
        self, ids: Sequence[UserId], request: TokenPageRequest, visible_to: UserId | None
    ) -> Mapping[UserId, TokenPage]:
        """One page for every id."""
        ...

    async def fetch_counts(self, scopes: Sequence[TokenScope]) -> Mapping[TokenScope, int]: ...

    async def add(self, token: ApiToken, hash: bytes, limit: int, event: SecurityEvent) -> None:
        """With the event. Raises TokenLimitExceeded where the user would have more than `limit` tokens that live when
        it is created, whoever adds at the same time, and NotFound where there is no such user."""
        ...

    def work(self) -> AbstractAsyncContextManager[ApiTokenWork]: ...
