"""What the business does with somebody whom a provider of single sign-on vouches for (R24): a user of ours, of the role
that the provider's word gives, and a session like any other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.security_event.model import SecurityEvent
from app.domain.security_event.ports import Announce, SecurityEvents
from app.domain.session import rules
from app.domain.session.model import Issued, Linked, Person, RolePolicy
from app.domain.session.model import Origin as Caller
from app.domain.session.ports import Identities
from app.domain.session.service import SessionService
from app.domain.user.events import Origin, entry_of, event_of
from app.domain.user.model import User, UserAction
from app.domain.user.ports import UserWork
from app.kernel.actor import Role
from app.kernel.clock import Clock, NewId
from app.kernel.errors import DuplicateEmail, Forbidden
from app.kernel.ids import UserAuditEntryId, UserId, global_id

METHOD = "oidc"
PERMISSION = "login"


class _Overtaken(Exception):
    """Another login of the same person has made the user meanwhile."""


@dataclass(frozen=True, slots=True)
class SignOnPorts:
    identities: Identities
    events: SecurityEvents
    announce: Announce
    now: Clock
    new_id: NewId


class SignOnService:
    def __init__(self, sessions: SessionService, caller: Caller, ports: SignOnPorts, policy: RolePolicy) -> None:
        self._sessions, self._caller, self._ports, self._policy = sessions, caller, ports, policy
        self._origin = Origin(None, caller.address, caller.request_id)

    async def admit(self) -> None:
        """Before anything is asked of the provider. Raises TooManyAttempts."""
        await self._sessions.admit()

    async def complete(self, person: Person) -> Issued:
        """Makes the user at the first time, gives the role of today at every time, and opens a session. Raises
        Forbidden, Unavailable."""
        role = rules.role_of(person, self._policy)
        linked = await self._ports.identities.fetch(person.issuer, person.subject)
        if role is None:
            message = "Your account has no role here: ask an administrator for one."
            raise self.refused("role", message, linked.user.id if linked else None)
        if linked is None:
            linked = await self._join(person, role)
        user = linked.user
        if user.disabled_at is None and user.role != role and self._policy.roles:
            await self._change_role(user.id, role)
        issued = await self._sessions.open(user.id, linked.password_version, method=METHOD)
        if issued is None:
            raise self.refused("disabled", "Your account may not log in here: ask an administrator.", user.id)
        return issued

    def refused(self, reason: str, message: str, user_id: UserId | None = None) -> Forbidden:
        """Told as a failed login; `reason` is a word of ours."""
        self.failed(reason, user_id)
        return Forbidden(message, PERMISSION)

    def failed(self, reason: str, user_id: UserId | None = None) -> None:
        subject = None if user_id is None else global_id("User", user_id)
        facts, caller = {"method": METHOD, "reason": reason}, self._caller
        now = self._ports.now()
        self._ports.events.record(
            SecurityEvent("LOGIN_FAILED", None, subject, caller.address, caller.request_id, now, facts)
        )

    async def _join(self, person: Person, role: Role) -> Linked:
        """A new user. One of the same email is somebody else to us: who has an address at the provider need not be
        who has it here."""
        ports, now = self._ports, self._ports.now()
        user = User(UserId(ports.new_id()), rules.name_of(person), rules.email_of(person), role, now)
        link = SecurityEvent(
            "IDENTITY_LINKED", user.id, global_id("User", user.id), self._origin.address, self._origin.request_id, now,
            {"issuer": person.issuer},
        )  # fmt: skip
        try:
            async with ports.identities.work() as work:
                event = await self._write(work, None, user, "CREATE")
                if not await work.link(user.id, person.issuer, person.subject, now, link):
                    raise _Overtaken
        except (_Overtaken, DuplicateEmail) as error:
            linked = await ports.identities.fetch(person.issuer, person.subject)
            if linked is None:
                message = "Another user here has your email: an administrator has to change it first."
                raise self.refused("email_taken", message) from error
            return linked
        self._tell([event, link])
        return Linked(user, 0)

    async def _change_role(self, id: UserId, role: Role) -> None:
        async with self._ports.identities.work() as work:
            before = (await work.lock(id))[id]
            if before.role == role:  # another login of the same person was faster
                return
            event = await self._write(work, before, replace(before, role=role), "CHANGE_ROLE")
        self._tell([event])

    async def _write(
        self, work: UserWork, before: User | None, after: User, action: UserAction
    ) -> SecurityEvent | None:
        now = self._ports.now()
        entry = entry_of(UserAuditEntryId(self._ports.new_id()), action, before, after, self._origin, now)
        event = event_of(action, before, after, self._origin, now)
        await work.write(before, after, entry, event)
        return event

    def _tell(self, events: Sequence[SecurityEvent | None]) -> None:
        for event in events:
            if event is not None:
                self._ports.announce(event)
