"""All features that match, in pages that are statements of their own: whoever reads them slowly holds nothing."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime

from app.domain.feature.model import Feature, FeatureFilter, FeatureOrder, FeaturePageRequest
from app.domain.feature.ports import Features
from app.kernel.ids import UserId
from app.kernel.page import Window

PAGE = 500  # features; with the longest metadata 10 MB of them are in memory at once
NEWEST_FIRST = FeatureOrder("CREATED_AT", "DESC")  # neither time nor id ever changes, and what is new comes before it


async def pages(
    store: Features, wanted: FeatureFilter, visible_to: UserId | None, start: datetime
) -> AsyncIterator[Sequence[Feature]]:
    """Each feature that was there at `start` once, as it is when its turn comes; none that came later.

    One that is deleted meanwhile is among them all the same, as DELETED. What else the filter asks for is asked of each
    feature when its turn comes.
    """
    living = wanted.status is None and not wanted.include_deleted
    if living:
        wanted = replace(wanted, include_deleted=True)
    window: Window | None = Window(PAGE, None, None, None)
    while window is not None:
        page = await store.fetch_page(FeaturePageRequest(window, wanted, NEWEST_FIRST), visible_to)
        more = page.nodes and page.has_next_page
        window = Window(PAGE, None, NEWEST_FIRST.position_of(page.nodes[-1]), None) if more else None
        yield [feature for feature in page.nodes if not (living and _was_deleted(feature, start))]


def _was_deleted(feature: Feature, start: datetime) -> bool:
    return feature.deleted_at is not None and feature.deleted_at < start
