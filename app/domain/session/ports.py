"""What sessions need of stores, of cryptography, and of whoever counts attempts."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app.domain.security_event.model import SecurityEvent
from app.domain.session.model import Account, Linked, Session, Spent, Verdict
from app.domain.user.model import User
from app.domain.user.ports import UserWork
from app.kernel.ids import SessionId, UserId


class Sessions(Protocol):
    """Refresh tokens are known by their hashes alone. Raises Unavailable, all of it."""

    async def fetch_account(self, email: str) -> Account | None:
        """By the email in any case."""
        ...

    async def upgrade_password(self, account: Account, password_hash: str) -> None:
        """Does nothing where the password is another one by now."""
        ...

    async def open(self, session: Session, password_version: int, token: bytes, keep: int) -> bool:
        """With its first token; of the user's other sessions only `keep` stay. False, and nothing is done, where the
        password is another one by now, or the user disabled."""
        ...

    async def rotate(
        self, token: bytes, successor: bytes, nonce: bytes, now: datetime, idle: timedelta, longest: timedelta
    ) -> Session | None:
        """Spends the token for its successor; the session lives `idle` on, at most `longest` since it was opened.
        None where the token cannot be spent. Of several at once exactly one spends it."""
        ...

    async def fetch_spent(self, token: bytes, now: datetime) -> Spent | None:
        """None where there is no such token."""
        ...

    async def revoke(self, id: SessionId, of_user: UserId | None, now: datetime) -> UserId | None:
        """`of_user`: only one of that user's; None: anybody's. Whose it was, None where no such session was alive."""
        ...

    async def revoke_by_token(self, token: bytes, now: datetime) -> tuple[SessionId, UserId] | None: ...

    async def fetch_alive(self, user_id: UserId, now: datetime) -> Sequence[Session]:
        """The last used first."""
        ...


class Accounts(Protocol):
    """Users as they are found by whoever runs the server. Raises Unavailable."""

    async def fetch(self, email: str) -> User | None:
        """By the email in any case; None where there is none."""
        ...

    async def fetch_all(self, most: int) -> Sequence[User]:
        """The oldest first."""
        ...


class IdentityWork(UserWork, Protocol):
    async def link(self, id: UserId, issuer: str, subject: str, at: datetime, event: SecurityEvent) -> bool:
        """That the user is whom the issuer calls so, and the event. False, and nothing is done, where that is somebody
        already."""
        ...


class Identities(Protocol):
    """Raises Unavailable."""

    async def fetch(self, issuer: str, subject: str) -> Linked | None: ...

    def work(self) -> AbstractAsyncContextManager[IdentityWork]: ...


type Guesses = Callable[[str, Sequence[str]], float]  # tries that find a password, given words about whose it is


class Passwords(Protocol):
    """Slow on purpose, and bounded. Raises Unavailable where too many wait already."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, password: str, password_hash: str | None) -> Verdict:
        """Takes its time for None too."""
        ...


class AccessTokens(Protocol):
    def issue(self, user_id: UserId, session_id: SessionId, now: datetime, lifetime: timedelta) -> str:
        """Raises Unavailable where nothing can be signed here."""
        ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """`retry_after`: whole seconds until the next may be made; 0 where this one was allowed."""

    allowed: bool
    retry_after: int = 0


class Attempts(Protocol):
    async def take(self, key: str, limit: int) -> Attempt:
        """Counts an attempt: `limit` at once, and as many a minute. `key` holds nothing that identifies a person but
        an address. Never fails: where it cannot know, it counts less exactly."""
        ...
