"""Pages by cursor in v2: the window that is asked for, what is said of the page, and the links to its neighbours."""

from collections.abc import Hashable
from functools import lru_cache
from typing import Annotated, TypedDict
from urllib.parse import urlencode

from pydantic import Field

from app.kernel.cursor import decode_cursor
from app.kernel.page import MAX_PAGE, Page, Window, window
from app.rest.read import Number, pairs_of
from app.rest.route import Refuses

WINDOW = frozenset({"first", "last", "after", "before"})
LONGEST = 200  # bytes of a query string that is remembered

Size = Annotated[Number | None, Field(ge=0, le=MAX_PAGE)]


Cursor = Annotated[str, Field(json_schema_extra={"format": "cursor"})]


class PageQuery(Refuses):
    """Relay's four arguments; neither `first` nor `last`: the first twenty."""

    first: Size = None
    last: Size = None
    after: Cursor | None = None
    before: Cursor | None = None

    def window(self, order: str, *, temporal: bool) -> Window:
        """Raises BadUserInput for a cursor of another list or order."""
        after = decode_cursor(self.after, order, temporal, "after")
        return window(self.first, self.last, after, decode_cursor(self.before, order, temporal, "before"))


class PageInfo(TypedDict):
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


LISTED = {"page_info": PageInfo}


def page_info[T, S: Hashable](page: Page[T, S]) -> PageInfo:
    return {
        "has_next_page": page.has_next_page,
        "has_previous_page": page.has_previous_page,
        "start_cursor": page.start_cursor,
        "end_cursor": page.end_cursor,
    }


def links(info: PageInfo, asked: Window, path: str, query: bytes) -> list[tuple[bytes, bytes]]:
    """The header Link (RFC 8288), where there are neighbours; what filters and sorts is kept."""
    size = asked.last if asked.last is not None else asked.first
    found = []
    if info["has_next_page"] and info["end_cursor"] is not None:
        found.append(f'<{path}?first={size}&after={_quoted(info["end_cursor"])}{_kept(query)}>; rel="next"')
    if info["has_previous_page"] and info["start_cursor"] is not None:
        found.append(f'<{path}?last={size}&before={_quoted(info["start_cursor"])}{_kept(query)}>; rel="prev"')
    return [(b"link", ", ".join(found).encode())] if found else []


def _quoted(cursor: str) -> str:
    """URL-safe base64, of which a query string takes all but the padding as it is."""
    return cursor.replace("=", "%3D")


def _kept(query: bytes) -> str:
    return _remembered(query) if len(query) <= LONGEST else _without_window(query)


def _without_window(query: bytes) -> str:
    kept = [(name, value) for name, value in pairs_of(query) if name not in WINDOW] if query else []
    return f"&{urlencode(kept)}" if kept else ""


_remembered = lru_cache(1024)(_without_window)
