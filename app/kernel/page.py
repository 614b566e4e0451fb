"""Pages by keyset (Relay Connections): the window that is asked for, and the page that answers."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from app.kernel.cursor import Position
from app.kernel.errors import BadUserInput
from app.kernel.value import value

MAX_PAGE = 100
DEFAULT_PAGE = 20
MAX_OFFSET = 10_000  # of the one list that is not paged by cursor (R10)


@dataclass(frozen=True, slots=True)
class Window:
    """Rows strictly between two positions of an order; at most `first` from the start, then `last` from the end.

    One of `first` and `last` is always given.
    """

    first: int | None
    last: int | None
    after: Position | None
    before: Position | None

    @property
    def backward(self) -> bool:
        """Rows are fetched from the end."""
        return self.first is None

    @property
    def size(self) -> int:
        """How many rows are fetched, but for the one that shows that there are more."""
        size = self.first if self.first is not None else self.last
        assert size is not None
        return size


def window(first: int | None, last: int | None, after: Position | None, before: Position | None) -> Window:
    """Relay's four arguments, checked; neither `first` nor `last` means the first twenty. Raises BadUserInput."""
    for name, number in (("first", first), ("last", last)):
        if number is not None and not 0 <= number <= MAX_PAGE:
            raise BadUserInput(f"`{name}` must be between 0 and {MAX_PAGE}: it is {number}.", (name,))
    if first is None and last is None:
        first = DEFAULT_PAGE
    return Window(first, last, after, before)


@value
class Page[T, S: Hashable]:
    """Nodes in forward order. `scope` is what `totalCount` counts: everything but the window."""

    nodes: Sequence[T]
    has_next_page: bool
    has_previous_page: bool
    cursor_of: Callable[[T], str]
    scope: S

    @property
    def edges(self) -> "list[PageEdge[T, S]]":
        return [PageEdge(self, node) for node in self.nodes]

    @property
    def page_info(self) -> "Page[T, S]":
        return self

    @property
    def start_cursor(self) -> str | None:
        return self.cursor_of(self.nodes[0]) if self.nodes else None

    @property
    def end_cursor(self) -> str | None:
        return self.cursor_of(self.nodes[-1]) if self.nodes else None


@value
class PageEdge[T, S: Hashable]:
    page: Page[T, S]
    node: T

    @property
    def cursor(self) -> str:
        return self.page.cursor_of(self.node)


@dataclass(slots=True)
class Fetched[T]:
    """Rows as they were fetched: from the end where the window is backward, one more than its size where there are
    more. `outside_before` and `outside_after`: is there a row at or beyond the window's own bounds?

    Where rows are one, and none too many, `more` says whether there are more."""

    rows: list[T]
    outside_before: bool = False
    outside_after: bool = False
    more: bool = False


def cut[T, S: Hashable](fetched: Fetched[T], window: Window, cursor_of: Callable[[T], str], scope: S) -> Page[T, S]:
    """Relay Connections §4.4 (EdgesToReturn); page information is exact in both directions."""
    rows, size, last = fetched.rows, window.size, window.last
    nodes = rows[:size] if len(rows) > size else rows
    more = fetched.more or nodes is not rows
    if window.backward:
        nodes.reverse()
        return Page(nodes, fetched.outside_after, more or fetched.outside_before, cursor_of, scope)
    before = fetched.outside_before
    if last is not None and len(nodes) > last:
        nodes, before = nodes[len(nodes) - last :], True
    return Page(nodes, more or fetched.outside_after, before, cursor_of, scope)
