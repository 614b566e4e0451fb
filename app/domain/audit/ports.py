"""What the trail needs of a store."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from app.domain.audit.model import AuditEntry, AuditPageRequest, AuditScope, Parent
from app.kernel.ids import AuditEntryId, FeatureId, UserId
from app.kernel.page import Page

type EntryPage = Page[AuditEntry, AuditScope]
type ParentId = FeatureId | UserId


class AuditEntries(Protocol):
    """`visible_to`: only entries about that user's features; None: about any."""

    async def fetch_by_ids(
        self, ids: Sequence[AuditEntryId], visible_to: UserId | None
    ) -> Mapping[AuditEntryId, AuditEntry]: ...

    async def fetch_page(self, request: AuditPageRequest, visible_to: UserId | None) -> EntryPage: ...

    async def fetch_pages(
        self, parent: Parent, ids: Sequence[ParentId], request: AuditPageRequest, visible_to: UserId | None
    ) -> Mapping[ParentId, EntryPage]:
        """One page for every id."""
        ...

    async def fetch_counts(self, scopes: Sequence[AuditScope]) -> Mapping[AuditScope, int]: ...

    async def make_partitions(self, months_ahead: int) -> int:
        """For this month and that many to come; how many were missing."""
        ...
