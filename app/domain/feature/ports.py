"""What features need of a store: batched reads, and a unit of work for writes."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Protocol

from app.domain.feature.events import Change
from app.domain.feature.model import Feature, FeaturePageRequest, FeatureScope, FeatureSlice, FeatureSliceRequest
from app.kernel.ids import FeatureId, UserId
from app.kernel.json import Json
from app.kernel.page import Page
from app.kernel.want import Want

type FeaturePage = Page[Feature, FeatureScope]


class FeatureWork(Protocol):
    """One open transaction; committed when its block ends, undone when the block raises."""

    async def fetch_for_update(self, id: FeatureId) -> Feature | None:
        """Deleted ones too; nobody else changes it until the transaction ends."""
        ...

    async def fetch_all_for_update(
        self, ids: Sequence[FeatureId], visible_to: UserId | None
    ) -> Mapping[FeatureId, Feature]:
        """The same of many, locked in the order of their ids; those of other owners than `visible_to` (None: any owner)
        are left alone."""
        ...

    async def fetch_values_at(self, id: FeatureId, version: int) -> Json | None:
        """What the trail says the feature was at that version; None where it never had it."""
        ...

    async def lock_owners(self, ids: Sequence[UserId]) -> None:
        """In the order of their ids: nobody else counts their features, or creates one, until the transaction ends."""
        ...

    async def write(self, change: Change, active_limit: int) -> Feature | None:
        """The feature, the owner's counter, the entry and the event, all in one statement; the feature as written, or
        None where the owner does not exist. A new one brings its owner along. Raises DuplicateName, or LimitExceeded
        where the owner would have more than `active_limit` active features; then the whole work is undone."""
        ...


class Features(Protocol):
    async def fetch_by_ids(
        self, ids: Sequence[FeatureId], want: Want, visible_to: UserId | None
    ) -> Mapping[FeatureId, Feature]:
        """Deleted ones too, and anybody's; but excerpts only of those that live and are `visible_to`'s (None:
        anybody's), since nobody can look into them."""
        ...

    async def fetch_page(self, request: FeaturePageRequest, visible_to: UserId | None) -> FeaturePage:
        """`visible_to`: only that owner's features; None: any."""
        ...

    async def fetch_slice(self, request: FeatureSliceRequest, visible_to: UserId | None) -> FeatureSlice: ...

    async def fetch_pages_of_owners(
        self, ids: Sequence[UserId], request: FeaturePageRequest, visible_to: UserId | None
    ) -> Mapping[UserId, FeaturePage]:
        """One page for every id."""
        ...

    async def fetch_counts(self, scopes: Sequence[FeatureScope]) -> Mapping[FeatureScope, int]: ...

    async def create(self, change: Change, active_limit: int, want: Want) -> Feature | None:
        """What `FeatureWork.write` does, as a unit of work of its own: there is nothing to read first."""
        ...

    def work(self) -> AbstractAsyncContextManager[FeatureWork]: ...

    def in_parts(self) -> AbstractContextManager[bool]:
        """In its block a unit of work that is refused undoes itself alone. True where they are parts of one transaction
        all the same, so that what they lock stays locked: then Unavailable undoes them all."""
        ...
