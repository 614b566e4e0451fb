"""Users as whoever runs the server makes and changes them, at its command line, before there is an administrator."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from app.domain.security_event.model import SecurityEvent, SecurityEventKind
from app.domain.security_event.ports import SecurityEvents
from app.domain.session import rules
from app.domain.session.ports import Accounts, Passwords
from app.domain.user.model import User
from app.kernel.actor import Role
from app.kernel.clock import Clock, NewId
from app.kernel.errors import InvalidInput, NotFound, Problem
from app.kernel.ids import UserId, global_id

ROLES = ("ADMIN", "MANAGER", "USER", "VIEWER")
MAX_NAME = 255  # characters
MOST_LISTED = 10_000


@dataclass(frozen=True, slots=True)
class AccountService:
    """Emails are taken in any case. Raises InvalidInput, NotFound, Unavailable."""

    accounts: Accounts
    passwords: Passwords
    events: SecurityEvents
    now: Clock
    new_id: NewId

    async def create(self, email: str, name: str, role: str, password: str) -> User:
        email, name = rules.clean_email(email), _clean_name(name)
        user = User(UserId(self.new_id()), name, email, _role(role), self.now())
        hashed = await self.passwords.hash(rules.clean_new_password(password, email, name))
        if not await self.accounts.create(user, hashed):
            raise InvalidInput([Problem(("email",), "FORMAT", f"There is a user of email {email} already.")])
        self._record("USER_CREATED", user, role=user.role)
        return user

    async def list(self) -> Sequence[tuple[User, datetime | None]]:
        """The oldest first, each with when it was disabled."""
        return await self.accounts.fetch_all(MOST_LISTED)

    async def set_password(self, email: str, password: str) -> User:
        """Ends the user's sessions."""
        email = rules.clean_email(email)
        user = _found(await self.accounts.fetch(email), email)
        hashed = await self.passwords.hash(rules.clean_new_password(password, email, user.name))
        user = _found(await self.accounts.set_password(email, hashed), email)
        self._record("PASSWORD_CHANGED", user)
        return user

    async def disable(self, email: str) -> User:
        """Ends the user's sessions."""
        email = rules.clean_email(email)
        user = _found(await self.accounts.set_disabled(email, self.now()), email)
        self._record("USER_DISABLED", user)
        return user

    async def enable(self, email: str) -> User:
        email = rules.clean_email(email)
        user = _found(await self.accounts.set_disabled(email, None), email)
        self._record("USER_ENABLED", user)
        return user

    async def set_role(self, email: str, role: str) -> User:
        email = rules.clean_email(email)
        user = _found(await self.accounts.set_role(email, _role(role)), email)
        self._record("ROLE_CHANGED", user, to=user.role)
        return user

    def _record(self, kind: SecurityEventKind, user: User, **facts: str) -> None:
        self.events.record(SecurityEvent(kind, None, global_id("User", user.id), None, None, self.now(), facts))


def _role(text: str) -> Role:
    if text.upper() not in ROLES:
        raise InvalidInput([Problem(("role",), "FORMAT", f"There is no role {text!r}: {', '.join(ROLES)} are.")])
    return cast(Role, text.upper())


def _clean_name(name: str) -> str:
    cleaned = name.strip()
    if not 1 <= len(cleaned) <= MAX_NAME or not cleaned.isprintable():
        message = f"The name must have 1 to {MAX_NAME} printable characters."
        raise InvalidInput([Problem(("name",), "FORMAT", message)])
    return cleaned


def _found(user: User | None, email: str) -> User:
    if user is None:
        raise NotFound(f"There is no user of email {email}.")
    return user
