"""Pages: the window that the four arguments of Relay make, and how a page is cut from what was fetched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.errors import BadUserInput
from app.kernel.page import Fetched, Page, Window, cut, window
from tests.fixtures.examples import examples

ROWS = [1, 2, 3, 4, 5]


def page_of(rows: list[int], asked: Window, before: bool = False, after: bool = False) -> Page[int, str]:
    """`rows` are all that lie within the bounds, in forward order; more rows than the store would fetch are cut off."""
    ordered = rows[::-1] if asked.backward else rows
    return cut(Fetched(ordered[: asked.size + 1], before, after), asked, str, "scope")


@pytest.mark.parametrize("number", [-1, -100, 101, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("name", ["first", "last"])
def test_a_number_out_of_bounds_is_refused_with_the_limit(name: str, number: int) -> None:
    first, last = (number, None) if name == "first" else (None, number)

    with pytest.raises(BadUserInput) as caught:
        window(first, last, None, None)

    assert caught.value.message == f"`{name}` must be between 0 and 100: it is {number}."
    assert caught.value.path == (name,)


def test_both_are_checked() -> None:
    with pytest.raises(BadUserInput, match="`last` must be between 0 and 100: it is 101"):
        window(5, 101, None, None)


@pytest.mark.parametrize(
    ("first", "last", "size", "backward"),
    [
        (None, None, 20, False),
        (0, None, 0, False),
        (1, None, 1, False),
        (100, None, 100, False),
        (None, 0, 0, True),
        (None, 1, 1, True),
        (None, 100, 100, True),
        (7, 3, 7, False),
        (3, 7, 3, False),
        (0, 0, 0, False),
    ],
)
def test_a_window_is_read_from_the_end_where_only_last_is_given(
    first: int | None, last: int | None, size: int, backward: bool
) -> None:
    asked = window(first, last, None, None)

    assert (asked.size, asked.backward) == (size, backward)


@pytest.mark.parametrize(
    ("first", "last", "nodes", "more_after", "more_before"),
    [
        (0, None, [], True, False),
        (1, None, [1], True, False),
        (4, None, [1, 2, 3, 4], True, False),
        (5, None, ROWS, False, False),
        (6, None, ROWS, False, False),
        (None, 0, [], False, True),
        (None, 1, [5], False, True),
        (None, 4, [2, 3, 4, 5], False, True),
        (None, 5, ROWS, False, False),
        (None, 6, ROWS, False, False),
        (4, 2, [3, 4], True, True),
        (4, 4, [1, 2, 3, 4], True, False),
        (4, 5, [1, 2, 3, 4], True, False),
        (5, 2, [4, 5], False, True),
        (9, 9, ROWS, False, False),
        (3, 0, [], True, True),
        (0, 3, [], True, False),
        (0, 0, [], True, False),
    ],
)
def test_five_rows_are_cut_by_the_algorithm_of_relay(
    first: int | None, last: int | None, nodes: list[int], more_after: bool, more_before: bool
) -> None:
    page = page_of(ROWS, window(first, last, None, None))

    assert list(page.nodes) == nodes
    assert (page.has_next_page, page.has_previous_page) == (more_after, more_before)
    assert page.start_cursor == (str(nodes[0]) if nodes else None)
    assert page.end_cursor == (str(nodes[-1]) if nodes else None)
    assert [(edge.cursor, edge.node) for edge in page.edges] == [(str(node), node) for node in nodes]
    assert page.page_info is page
    assert page.scope == "scope"


@pytest.mark.parametrize(("first", "last"), [(None, None), (3, None), (None, 3), (3, 2)])
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_an_empty_page_still_knows_what_lies_around_it(
    first: int | None, last: int | None, before: bool, after: bool
) -> None:
    page = page_of([], window(first, last, None, None), before, after)

    assert (list(page.nodes), page.edges, page.start_cursor, page.end_cursor) == ([], [], None, None)
    assert (page.has_previous_page, page.has_next_page) == (before, after)


@examples(300)
@given(
    st.integers(0, 12),
    st.none() | st.integers(0, 14),
    st.none() | st.integers(0, 14),
    st.booleans(),
    st.booleans(),
)
def test_page_information_is_exact(count: int, first: int | None, last: int | None, before: bool, after: bool) -> None:
    """Relay Connections §4.4, written as the specification says it; information says what lies outside of the edges."""
    rows = list(range(count))
    edges = rows if first is None and last is not None else rows[: 20 if first is None else first]
    edges = edges if last is None else edges[max(len(edges) - last, 0) :]
    at_start, at_end = rows[: len(edges)] == edges, rows[count - len(edges) :] == edges
    if not edges:  # between which rows the page lies: before all where it starts there, behind those that `first` kept
        kept = count if first is None else min(first, count)
        at_start, at_end = kept == 0, kept == count

    page = page_of(rows, window(first, last, None, None), before, after)

    assert list(page.nodes) == edges
    assert page.has_previous_page == (before or not at_start)
    assert page.has_next_page == (after or not at_end)
