"""How administrators change users: one unit of work each, with its entry in the user's trail."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from app.domain.security_event.ports import Announce
from app.domain.user import rules
from app.domain.user.events import Origin, entry_of, event_of
from app.domain.user.inputs import UserDraft, UserPatch, clean
from app.domain.user.model import User, UserAction, UserAuditEntry, UserEntryPageRequest, UserEntryScope
from app.domain.user.ports import UserEntries, UserEntryPage, UserWork, UserWrites
from app.kernel.actor import Actor, Reach, Role
from app.kernel.clock import Clock, NewId
from app.kernel.errors import Forbidden, NotFound, Path
from app.kernel.ids import UserAuditEntryId, UserId

ID: Path = ("userId",)

type Outcome = Callable[[User, datetime], User]


class UserAdministration:
    """`address` is the caller's."""

    def __init__(
        self,
        actor: Actor,
        users: UserWrites,
        entries: UserEntries,
        announce: Announce,
        request_id: str,
        address: str,
        now: Clock,
        new_id: NewId,
    ) -> None:
        self._actor, self._users, self._entries, self._announce = actor, users, entries, announce
        self._request_id, self._address, self._now, self._new_id = request_id, address, now, new_id

    async def create(self, draft: UserDraft) -> User:
        """A user without a password. Raises InvalidInput, DuplicateEmail, Forbidden."""
        self._check_reach()
        cleaned = clean(UserPatch(draft.name, draft.email))
        return await self._write(
            None, lambda blank, now: replace(cleaned.applied_to(blank), role=draft.role), "CREATE", ID
        )

    async def update(self, id: UserId, patch: UserPatch) -> User:
        """Raises InvalidInput, DuplicateEmail, NotFound, Forbidden."""
        self._check_reach()
        cleaned = clean(patch)
        return await self._write(id, lambda user, now: cleaned.applied_to(user), "UPDATE", ID)

    async def change_role(self, id: UserId, role: Role) -> User:
        """Raises LastAdmin, NotFound, Forbidden; so do the next two."""
        return await self._write(id, lambda user, now: replace(user, role=role), "CHANGE_ROLE", ("role",))

    async def disable(self, id: UserId) -> User:
        return await self._write(
            id, lambda user, now: replace(user, disabled_at=user.disabled_at or now), "DISABLE", ID
        )

    async def enable(self, id: UserId) -> User:
        return await self._write(id, lambda user, now: replace(user, disabled_at=None), "ENABLE", ID)

    async def entries_by_id(self, ids: Sequence[UserAuditEntryId]) -> list[UserAuditEntry | None]:
        """One per id, in order, None where missing or invisible."""
        self._actor.known()
        found = await self._entries.fetch_by_ids(ids) if self._reaches() else {}
        return [found.get(id) for id in ids]

    async def entry_pages(self, ids: Sequence[UserId], request: UserEntryPageRequest) -> list[UserEntryPage | None]:
        """What was done to each user, in order of the ids, newest first; None where the actor may not read it."""
        self._actor.known()
        found = await self._entries.fetch_pages(ids, request) if self._reaches() else {}
        return [found.get(id) for id in ids]

    async def entry_counts(self, scopes: Sequence[UserEntryScope]) -> list[int]:
        """One count per scope, in order. Scopes come with pages, which others do not get."""
        found = await self._entries.fetch_counts(scopes)
        return [found[scope] for scope in scopes]

    async def _write(self, id: UserId | None, outcome: Outcome, action: UserAction, path: Path) -> User:
        """The user afterwards; where nothing changes, the user as it is, and no entry. `id` None: a new user; `path`
        is to blame where the last administrator would go."""
        self._check_reach()
        async with self._users.work() as work:
            before, after, now = await self._changed(work, id, outcome, path)
            if before == after:
                return after
            origin = Origin(self._actor.known(), self._address, self._request_id)
            entry = entry_of(UserAuditEntryId(self._new_id()), action, before, after, origin, now)
            event = event_of(action, before, after, origin, now)
            await work.write(before, after, entry, event)
        if event is not None:
            self._announce(event)
        return after

    async def _changed(
        self, work: UserWork, id: UserId | None, outcome: Outcome, path: Path
    ) -> tuple[User | None, User, datetime]:
        """The user before and after, and when."""
        locked = await work.lock(id)
        admins = {user.id for user in locked.values() if user.administers}
        if self._actor.known() not in admins:  # who lost the role a moment ago may not use the rest of it to stay
            raise self._forbidden()
        now = self._now()
        if id is None:
            return None, outcome(User(UserId(self._new_id()), "", None, "VIEWER", now), now), now
        before = locked.get(id)
        if before is None:
            raise NotFound("There is no such user.", ID)
        after = outcome(before, now)
        rules.check_administered(before, after, admins, path)
        return before, after, now

    def _check_reach(self) -> None:
        """Raises Unauthenticated or Forbidden."""
        self._actor.known()
        if not self._reaches():
            raise self._forbidden()

    def _reaches(self) -> bool:
        return self._actor.reach(rules.WRITE) is Reach.ANY

    def _forbidden(self) -> Forbidden:
        return self._actor.refusal(rules.WRITE, "Only administrators may do this to users.")
