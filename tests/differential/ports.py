"""The domain's ports over a world: they note every call, and fail where the world says so."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import datetime

from app.context import Rare, RequestContext
from app.domain.api_token.model import ORDER as TOKEN_ORDER
from app.domain.api_token.model import ApiToken, TokenLimits, TokenPageRequest, TokenScope
from app.domain.api_token.model import position_of as token_position
from app.domain.api_token.ports import ApiTokens, TokenPage
from app.domain.api_token.service import ApiTokenService, Means
from app.domain.audit.model import ORDER as ENTRY_ORDER
from app.domain.audit.model import AuditEntry, AuditPageRequest, AuditScope, Parent
from app.domain.audit.model import position_of as entry_position
from app.domain.audit.ports import EntryPage, ParentId
from app.domain.audit.service import AuditService
from app.domain.feature.events import Change
from app.domain.feature.model import Feature, FeaturePageRequest, FeatureScope, FeatureSlice, FeatureSliceRequest
from app.domain.feature.ports import FeaturePage
from app.domain.feature.service import FeatureService
from app.domain.rate_limit.model import PointLimits
from app.domain.rate_limit.service import Limiter, RateLimitService
from app.domain.security_event.model import SecurityEvent
from app.domain.security_event.service import SecurityEventService
from app.domain.user.administration import UserAdministration
from app.domain.user.model import ORDER as USER_ORDER
from app.domain.user.model import User, UserPageRequest, UserScope
from app.domain.user.model import position_of as user_position
from app.domain.user.ports import UserPage
from app.domain.user.service import UserService
from app.kernel.actor import Actor
from app.kernel.clock import NewId
from app.kernel.errors import DuplicateName, LimitExceeded, NotFound, TokenLimitExceeded
from app.kernel.ids import ApiTokenId, AuditEntryId, FeatureId, UserId
from app.kernel.json import Json
from app.kernel.want import Want
from tests.differential.data import World, now
from tests.differential.paging import called, page_of
from tests.differential.user_ports import MemoryEvents, MemoryUserEntries, MemoryUserWrites, Told
from tests.fixtures.buckets import InMemory

ACTIVE_LIMIT = 3
TOKEN_LIMIT = 2


def context_of(world: World, actor: Actor) -> RequestContext:
    return RequestContext(
        actor,
        "request",
        RateLimitService(actor, Limiter(InMemory(now)), now, PointLimits(1000, 1000), "client"),
        7,
        UserService(actor, MemoryUsers(world)),
        FeatureService(actor, MemoryFeatures(world), "request", now, world.new_id, ACTIVE_LIMIT),
        AuditService(actor, MemoryEntries(world)),
        lambda: Rare(
            UserAdministration(
                actor,
                MemoryUserWrites(world),
                MemoryUserEntries(world),
                unheard,
                "request",
                "client",
                now,
                world.new_id,
            ),
            SecurityEventService(actor, MemoryEvents(world), Told(world.written), "request", "client", now),
            ApiTokenService(actor, means(MemoryTokens(world), world.new_id), "request", "client"),
        ),
    )


def means(tokens: ApiTokens, new_id: NewId) -> Means:
    """Announcements are nobody's; what is random is counted."""
    return Means(tokens, unheard, TokenLimits(TOKEN_LIMIT, 3650), now, new_id, lambda: new_id().bytes * 2)


def unheard(event: SecurityEvent) -> None:
    """What is kept with a write is compared as it is kept."""


class MemoryUsers:
    def __init__(self, world: World) -> None:
        self._world = world

    async def fetch_by_ids(self, ids: Sequence[UserId]) -> Mapping[UserId, User]:
        called(self._world, "users", len(ids))
        return self._world.users

    async def fetch_page(self, request: UserPageRequest, visible_to: UserId | None) -> UserPage:
        called(self._world, "user page", 1)
        rows = [user for user in self._world.users.values() if visible_to in (None, user.id)]
        return page_of(self._world, rows, request.window, USER_ORDER, user_position, UserScope(visible_to))

    async def fetch_count(self, scope: UserScope) -> int:
        called(self._world, "user counts", 1)
        return 1 if scope.visible_to else len(self._world.users)


class MemoryFeatures:
    def __init__(self, world: World) -> None:
        self._world = world

    async def fetch_by_ids(
        self, ids: Sequence[FeatureId], want: Want, visible_to: UserId | None
    ) -> Mapping[FeatureId, Feature]:
        called(self._world, "features", len(ids))
        return self._world.features

    async def fetch_page(self, request: FeaturePageRequest, visible_to: UserId | None) -> FeaturePage:
        called(self._world, "feature page", 1)
        return self._page(request, FeatureScope(request.filter, None, visible_to))

    async def fetch_slice(self, request: FeatureSliceRequest, visible_to: UserId | None) -> FeatureSlice:
        raise NotImplementedError("GraphQL has no slices")

    async def fetch_pages_of_owners(
        self, ids: Sequence[UserId], request: FeaturePageRequest, visible_to: UserId | None
    ) -> Mapping[UserId, FeaturePage]:
        called(self._world, "feature pages", len(ids))
        return {id: self._page(request, FeatureScope(request.filter, id, visible_to)) for id in ids}

    async def fetch_counts(self, scopes: Sequence[FeatureScope]) -> Mapping[FeatureScope, int]:
        called(self._world, "feature counts", len(scopes))
        return {scope: len(self._found(scope)) for scope in scopes}

    async def create(self, change: Change, active_limit: int, want: Want) -> Feature | None:
        async with self.work() as work:
            return await work.write(change, active_limit)

    def in_parts(self) -> AbstractContextManager[bool]:
        return nullcontext(False)

    @asynccontextmanager
    async def work(self) -> AsyncIterator["MemoryWork"]:
        yield MemoryWork(self._world)

    def _page(self, request: FeaturePageRequest, scope: FeatureScope) -> FeaturePage:
        order, rows = request.order, self._found(scope)
        return page_of(self._world, rows, request.window, order.name, order.position_of, scope)

    def _found(self, scope: FeatureScope) -> list[Feature]:
        wanted = scope.filter
        statuses = wanted.status or ("ACTIVE", "INACTIVE", "ARCHIVED", "BURNING")
        deleted = wanted.include_deleted and not wanted.status
        return [
            feature
            for feature in self._world.features.values()
            if scope.visible_to in (None, feature.owner_id)
            and scope.owner_id in (None, feature.owner_id)
            and wanted.owner_id in (None, feature.owner_id)
            and (deleted or feature.status in statuses)
        ]


class MemoryWork:
    def __init__(self, world: World) -> None:
        self._world = world

    async def fetch_for_update(self, id: FeatureId) -> Feature | None:
        called(self._world, "for update", 1)
        return self._world.features.get(id)

    async def fetch_all_for_update(
        self, ids: Sequence[FeatureId], visible_to: UserId | None
    ) -> Mapping[FeatureId, Feature]:
        called(self._world, "all for update", len(ids))
        found = [self._world.features[id] for id in ids if id in self._world.features]
        return {row.id: row for row in found if visible_to in (None, row.owner_id)}

    async def fetch_values_at(self, id: FeatureId, version: int) -> Json | None:
        called(self._world, "values at", 1)
        entries = self._world.entries.values()
        return next((e.new_values for e in entries if (e.feature_id, e.version) == (id, version)), None)

    async def lock_owners(self, ids: Sequence[UserId]) -> None:
        called(self._world, "lock owners", len(ids))

    async def write(self, change: Change, active_limit: int) -> Feature | None:
        called(self._world, "write", 1)
        after = change.after
        if after.owner_id not in self._world.users:
            return None
        others = [row for row in self._world.features.values() if row.owner_id == after.owner_id and row.id != after.id]
        for row in others:
            if "DELETED" not in (row.status, after.status) and row.name == after.name:
                raise DuplicateName(row.id)
        if change.active_delta > 0 and sum(row.status == "ACTIVE" for row in others) >= active_limit:
            raise LimitExceeded(active_limit)
        self._world.features[after.id] = after
        self._world.entries[change.entry.id] = change.entry
        self._world.written.append(f"{change.entry.action} {after}")
        return after


class MemoryEntries:
    def __init__(self, world: World) -> None:
        self._world = world

    async def fetch_by_ids(
        self, ids: Sequence[AuditEntryId], visible_to: UserId | None
    ) -> Mapping[AuditEntryId, AuditEntry]:
        called(self._world, "entries", len(ids))
        return {id: entry for id, entry in self._world.entries.items() if visible_to in (None, entry.owner_id)}

    async def fetch_page(self, request: AuditPageRequest, visible_to: UserId | None) -> EntryPage:
        called(self._world, "entry page", 1)
        return self._page(request, AuditScope(request.filter, None, None, visible_to))

    async def fetch_pages(
        self, parent: Parent, ids: Sequence[ParentId], request: AuditPageRequest, visible_to: UserId | None
    ) -> Mapping[ParentId, EntryPage]:
        called(self._world, "entry pages", len(ids))
        return {id: self._page(request, AuditScope(request.filter, parent, id, visible_to)) for id in ids}

    async def fetch_counts(self, scopes: Sequence[AuditScope]) -> Mapping[AuditScope, int]:
        called(self._world, "entry counts", len(scopes))
        return {scope: len(self._found(scope)) for scope in scopes}

    async def make_partitions(self, months_ahead: int) -> int:
        return 0

    def _page(self, request: AuditPageRequest, scope: AuditScope) -> EntryPage:
        return page_of(self._world, self._found(scope), request.window, ENTRY_ORDER, entry_position, scope)

    def _found(self, scope: AuditScope) -> list[AuditEntry]:
        keys = {"feature": lambda e: e.feature_id, "actor": lambda e: e.actor_id}
        key_of: Callable[[AuditEntry], object] = keys[scope.parent] if scope.parent else lambda e: scope.key
        actions = scope.filter.action
        return [
            entry
            for entry in self._world.entries.values()
            if key_of(entry) == scope.key
            and scope.visible_to in (None, entry.owner_id)
            and (actions is None or entry.action in actions)
        ]


class MemoryTokens:
    def __init__(self, world: World) -> None:
        self._world = world

    async def fetch_by_ids(self, ids: Sequence[ApiTokenId], visible_to: UserId | None) -> Mapping[ApiTokenId, ApiToken]:
        called(self._world, "tokens", len(ids))
        return {id: token for id, token in self._world.tokens.items() if visible_to in (None, token.user_id)}

    async def fetch_pages_of_users(
        self, ids: Sequence[UserId], request: TokenPageRequest, visible_to: UserId | None
    ) -> Mapping[UserId, TokenPage]:
        called(self._world, "token pages", len(ids))
        return {id: self._page(request, TokenScope(id, visible_to)) for id in ids}

    async def fetch_counts(self, scopes: Sequence[TokenScope]) -> Mapping[TokenScope, int]:
        called(self._world, "token counts", len(scopes))
        return {scope: len(self._found(scope)) for scope in scopes}

    async def add(self, token: ApiToken, hash: bytes, limit: int, event: SecurityEvent) -> None:
        called(self._world, "token add", 1)
        if token.user_id not in self._world.users:
            raise NotFound("There is no such user.", ("userId",))
        theirs = [row for row in self._world.tokens.values() if row.user_id == token.user_id]
        if sum(row.revoked_at is None and row.expires_at > now() for row in theirs) >= limit:
            raise TokenLimitExceeded(limit)
        self._world.tokens[token.id] = token
        self._world.written.append(f"{hash.hex()} {token} {event}")

    def in_parts(self) -> AbstractContextManager[bool]:
        return nullcontext(False)

    @asynccontextmanager
    async def work(self) -> AsyncIterator["MemoryTokens"]:
        yield self

    async def append(self, event: SecurityEvent) -> None:
        self._world.written.append(f"kept {event}")

    async def revoke(self, id: ApiTokenId, at: datetime, visible_to: UserId | None) -> ApiToken | None:
        called(self._world, "token revoke", 1)
        token = self._world.tokens.get(id)
        if token is None or visible_to not in (None, token.user_id):
            return None
        self._world.tokens[id] = replace(token, revoked_at=token.revoked_at or at)
        self._world.written.append(f"revoked {self._world.tokens[id]}")
        return self._world.tokens[id]

    def _page(self, request: TokenPageRequest, scope: TokenScope) -> TokenPage:
        return page_of(self._world, self._found(scope), request.window, TOKEN_ORDER, token_position, scope)

    def _found(self, scope: TokenScope) -> list[ApiToken]:
        return [
            token
            for token in self._world.tokens.values()
            if token.user_id == scope.user_id and scope.visible_to in (None, token.user_id)
        ]
