"""What the business does with audit entries: they are read, never changed; writes of features append them."""

from collections.abc import Sequence

from app.domain.audit import rules
from app.domain.audit.model import AuditEntry, AuditFilter, AuditPageRequest, AuditScope, Parent
from app.domain.audit.ports import AuditEntries, EntryPage, ParentId
from app.kernel.actor import Actor
from app.kernel.errors import NotFound
from app.kernel.ids import AuditEntryId, FeatureId, UserId
from app.kernel.page import window

ANY = AuditPageRequest(window(1, None, None, None))  # the newest entry alone


class AuditService:
    def __init__(self, actor: Actor, entries: AuditEntries) -> None:
        self._actor, self._entries = actor, entries

    async def get_many(self, ids: Sequence[AuditEntryId]) -> list[AuditEntry | None]:
        """One per id, in order, None where missing or invisible."""
        found = await self._entries.fetch_by_ids(ids, self._actor.visible_to(rules.READ))
        return [found.get(id) for id in ids]

    async def page(self, request: AuditPageRequest) -> EntryPage:
        """Entries of every feature the actor sees, newest first."""
        return await self._entries.fetch_page(request, self._actor.visible_to(rules.READ))

    async def pages_of_features(self, ids: Sequence[FeatureId], request: AuditPageRequest) -> list[EntryPage]:
        """One page per feature, in order, newest first; empty where the feature is missing or invisible."""
        return await self._pages("feature", ids, request)

    async def trail(self, id: FeatureId, request: AuditPageRequest) -> EntryPage:
        """A page of one feature, newest first. Raises NotFound where the feature is missing or invisible."""
        [page] = await self._pages("feature", [id], request)
        if not page.nodes:  # every feature has an entry: is it the request that leaves them out?
            _first(*await self._pages("feature", [id], ANY))
        return page

    async def entry_of_version(self, id: FeatureId, version: int) -> AuditEntry:
        """What led to that version of the feature. Raises NotFound where either is missing, or invisible."""
        return _first(*await self._pages("feature", [id], AuditPageRequest(ANY.window, AuditFilter(version=version))))

    async def pages_of_actors(self, ids: Sequence[UserId], request: AuditPageRequest) -> list[EntryPage]:
        """What each user did, in order of the ids, newest first; only to features that the actor sees."""
        return await self._pages("actor", ids, request)

    async def count_many(self, scopes: Sequence[AuditScope]) -> list[int]:
        """One count per scope, in order. Scopes come with pages, so they carry the reach already."""
        found = await self._entries.fetch_counts(scopes)
        return [found[scope] for scope in scopes]

    async def _pages(self, parent: Parent, ids: Sequence[ParentId], request: AuditPageRequest) -> list[EntryPage]:
        found = await self._entries.fetch_pages(parent, ids, request, self._actor.visible_to(rules.READ))
        return [found[id] for id in ids]


def _first(page: EntryPage) -> AuditEntry:
    if not page.nodes:
        raise NotFound("There is no such feature or version, or you may not see it.", ("id",))
    return page.nodes[0]
