"""What every connection has: PageInfo, the descriptions of its arguments, and their conversion (Relay Connections)."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from app.engine.declare import Describes
from app.kernel.cursor import decode_cursor
from app.kernel.errors import BadUserInput
from app.kernel.page import Page, Window, window
from app.kernel.range import DateTimeRange as Range
from app.schema.words import ABSENT, argument, given

page = Describes(Page[Any, Any])


First = Annotated[int | None, argument("How many from the start, 0 to 100. Neither `first` nor `last`: 20.")]
After = Annotated[str | None, argument("Only what comes after this cursor, which must be of the same order.")]
Last = Annotated[int | None, argument("How many from the end, 0 to 100; with `first`: of those.")]
Before = Annotated[str | None, argument("Only what comes before this cursor, which must be of the same order.")]


@page.type
class PageInfo:
    """Where a page stands among its neighbours; exact in both directions."""

    has_next_page: bool = page.value("Is there anything after the last edge?")
    has_previous_page: bool = page.value("Is there anything before the first edge?")
    start_cursor: str | None = page.value("The first edge's cursor; null for an empty page.")
    end_cursor: str | None = page.value("The last edge's cursor; null for an empty page.")


@strawberry.input(description="A span of time.")
class DateTimeRange:
    start: datetime | None = strawberry.field(
        name="from", default=ABSENT, description="At this moment or later; absent or null: no bound."
    )
    end: datetime | None = strawberry.field(
        name="to", default=ABSENT, description="Before this moment; absent or null: no bound."
    )


def range_of(given_range: DateTimeRange | None, name: str) -> Range:
    """Raises BadUserInput where it ends before it starts."""
    wanted = given(given_range)
    if wanted is None:
        return Range()
    start, end = given(wanted.start), given(wanted.end)
    if start is not None and end is not None and end < start:
        raise BadUserInput("`from` must not be later than `to`.", ("filter", name))
    return Range(start, end)


def window_of(
    first: int | None, after: str | None, last: int | None, before: str | None, order: str, temporal: bool
) -> Window:
    """`order` names the connection's order, `temporal` says that it sorts by a time. Raises BadUserInput."""
    return window(
        given(first),
        given(last),
        decode_cursor(given(after), order, temporal, "after"),
        decode_cursor(given(before), order, temporal, "before"),
    )
