"""The ports of the administration of users and of security events over a world."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from app.domain.security_event.model import (
    ORDER as EVENT_ORDER,
)
from app.domain.security_event.model import (
    KeptEvent,
    SecurityEvent,
    SecurityEventFilter,
    SecurityEventPageRequest,
)
from app.domain.security_event.model import position_of as event_position
from app.domain.security_event.ports import SecurityEventPage
from app.domain.user.model import (
    ENTRY_ORDER,
    User,
    UserAuditEntry,
    UserEntryPageRequest,
    UserEntryScope,
    entry_position_of,
)
from app.domain.user.ports import UserEntryPage
from app.kernel.errors import DuplicateEmail
from app.kernel.ids import SecurityEventId, UserAuditEntryId, UserId
from tests.differential.data import World
from tests.differential.paging import called, page_of


class Told:
    """The port `SecurityEvents`: what is told counts among what an execution wrote."""

    def __init__(self, written: list[str]) -> None:
        self._written = written

    def record(self, event: SecurityEvent) -> None:
        self._written.append(f"told {event}")


class MemoryUserWrites:
    def __init__(self, world: World) -> None:
        self._world = world

    @asynccontextmanager
    async def work(self) -> AsyncIterator["MemoryUserWork"]:
        yield MemoryUserWork(self._world)


class MemoryUserWork:
    def __init__(self, world: World) -> None:
        self._world = world

    async def lock(self, id: UserId | None) -> Mapping[UserId, User]:
        called(self._world, "lock", 1)
        return {user.id: user for user in self._world.users.values() if user.id == id or user.administers}

    async def write(self, before: User | None, after: User, entry: UserAuditEntry, event: SecurityEvent | None) -> None:
        called(self._world, "user write", 1)
        for other in self._world.users.values():
            if other.id != after.id and other.email is not None and other.email == after.email:
                raise DuplicateEmail(other.id)
        self._world.users[after.id] = after
        self._world.user_entries[entry.id] = entry
        self._world.written.append(f"{entry.action} {after} {event}")

    async def set_password(self, id: UserId, password_hash: str, event: SecurityEvent | None) -> None:
        raise NotImplementedError  # nobody does over GraphQL


class MemoryUserEntries:
    def __init__(self, world: World) -> None:
        self._world = world

    async def fetch_by_ids(self, ids: Sequence[UserAuditEntryId]) -> Mapping[UserAuditEntryId, UserAuditEntry]:
        called(self._world, "user entries", len(ids))
        return self._world.user_entries

    async def fetch_pages(self, ids: Sequence[UserId], request: UserEntryPageRequest) -> Mapping[UserId, UserEntryPage]:
        called(self._world, "user entry pages", len(ids))
        return {
            id: page_of(
                self._world, self._found(id), request.window, ENTRY_ORDER, entry_position_of, UserEntryScope(id)
            )
            for id in ids
        }

    async def fetch_counts(self, scopes: Sequence[UserEntryScope]) -> Mapping[UserEntryScope, int]:
        called(self._world, "user entry counts", len(scopes))
        return {scope: len(self._found(scope.user_id)) for scope in scopes}

    def _found(self, id: UserId) -> list[UserAuditEntry]:
        return [entry for entry in self._world.user_entries.values() if entry.user_id == id]


class MemoryEvents:
    """The port `KeptEvents`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def fetch_by_ids(self, ids: Sequence[SecurityEventId]) -> Mapping[SecurityEventId, KeptEvent]:
        called(self._world, "events", len(ids))
        return self._world.events

    async def fetch_page(self, request: SecurityEventPageRequest) -> SecurityEventPage:
        called(self._world, "event page", 1)
        found = self._found(request.filter)
        return page_of(self._world, found, request.window, EVENT_ORDER, event_position, request.filter)

    async def fetch_count(self, filter: SecurityEventFilter) -> int:
        called(self._world, "event counts", 1)
        return len(self._found(filter))

    async def append(self, events: Sequence[KeptEvent]) -> None:
        self._world.events.update((event.id, event) for event in events)

    async def forget(self, days: int, most: int) -> int:
        return 0

    def _found(self, wanted: SecurityEventFilter) -> list[KeptEvent]:
        return [
            event
            for event in self._world.events.values()
            if wanted.actor_id in (None, event.actor_id) and (wanted.kind is None or event.kind in wanted.kind)
        ]
