"""Users as whoever runs the server makes and changes them, at its command line, before there is an administrator."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from app.domain.security_event.model import SecurityEvent
from app.domain.security_event.ports import Announce
from app.domain.session import rules
from app.domain.session.ports import Accounts, Guesses, Passwords
from app.domain.user.events import Origin, entry_of, event_of
from app.domain.user.model import User, UserAction
from app.domain.user.ports import UserWork, UserWrites
from app.kernel.actor import Role
from app.kernel.cleaning import clean_name, refuse
from app.kernel.clock import Clock, NewId
from app.kernel.errors import DuplicateEmail, InvalidInput, NotFound, Problem
from app.kernel.ids import UserAuditEntryId, UserId, global_id

ROLES = ("ADMIN", "MANAGER", "USER", "VIEWER")
MOST_LISTED = 10_000
OPERATOR = Origin()


@dataclass(frozen=True, slots=True)
class AccountService:
    """Emails are taken in any case. Raises InvalidInput, NotFound, Unavailable."""

    users: UserWrites
    accounts: Accounts
    passwords: Passwords
    guesses: Guesses
    announce: Announce
    now: Clock
    new_id: NewId

    async def create(self, email: str, name: str, role: str, password: str) -> User:
        email, name = rules.clean_email(email), _clean_name(name)
        user = User(UserId(self.new_id()), name, email, _role(role), self.now())
        hashed = await self._hash(password, email, name)
        try:
            async with self.users.work() as work:
                event = await self._write(work, None, user, "CREATE", user.created_at)
                await work.set_password(user.id, hashed, None)
        except DuplicateEmail as error:
            raise InvalidInput([Problem(("email",), "FORMAT", f"There is a user of email {email} already.")]) from error
        self._tell(event)
        return user

    async def list(self) -> Sequence[User]:
        """The oldest first."""
        return await self.accounts.fetch_all(MOST_LISTED)

    async def set_password(self, email: str, password: str) -> User:
        """Ends the user's sessions."""
        user = await self._found(email)
        hashed = await self._hash(password, user.email or "", user.name)
        event = SecurityEvent("PASSWORD_CHANGED", None, global_id("User", user.id), None, None, self.now())
        async with self.users.work() as work:
            await work.set_password(user.id, hashed, event)
        self._tell(event)
        return user

    async def disable(self, email: str) -> User:
        """Ends the user's sessions."""
        return await self._change(
            email, "DISABLE", lambda user, now: replace(user, disabled_at=user.disabled_at or now)
        )

    async def enable(self, email: str) -> User:
        return await self._change(email, "ENABLE", lambda user, now: replace(user, disabled_at=None))

    async def set_role(self, email: str, role: str) -> User:
        given = _role(role)
        return await self._change(email, "CHANGE_ROLE", lambda user, now: replace(user, role=given))

    async def _change(self, email: str, action: UserAction, outcome: Callable[[User, datetime], User]) -> User:
        """The last administrator may go, too: whoever runs the server makes another."""
        id = (await self._found(email)).id
        async with self.users.work() as work:
            before, now = (await work.lock(id))[id], self.now()
            after = outcome(before, now)
            if before == after:
                return after
            event = await self._write(work, before, after, action, now)
        self._tell(event)
        return after

    async def _write(
        self, work: UserWork, before: User | None, after: User, action: UserAction, now: datetime
    ) -> SecurityEvent | None:
        entry = entry_of(UserAuditEntryId(self.new_id()), action, before, after, OPERATOR, now)
        event = event_of(action, before, after, OPERATOR, now)
        await work.write(before, after, entry, event)
        return event

    async def _hash(self, password: str, email: str, name: str) -> str:
        cleaned = rules.clean_new_password(password, email, name)
        rules.check_guesses(self.guesses(cleaned, (email, name)))
        return await self.passwords.hash(cleaned)

    async def _found(self, email: str) -> User:
        cleaned = rules.clean_email(email)
        user = await self.accounts.fetch(cleaned)
        if user is None:
            raise NotFound(f"There is no user of email {cleaned}.")
        return user

    def _tell(self, event: SecurityEvent | None) -> None:
        if event is not None:
            self.announce(event)


def _role(text: str) -> Role:
    if text.upper() not in ROLES:
        raise InvalidInput([Problem(("role",), "FORMAT", f"There is no role {text!r}: {', '.join(ROLES)} are.")])
    return cast(Role, text.upper())


def _clean_name(name: str) -> str:
    problems: list[Problem] = []
    cleaned = clean_name(name, problems)
    refuse(problems)
    return cleaned
