"""Negotiation by Accept: the quality of the most specific range decides, and no header wants anything."""

import pytest

from app.http.accept import preferred

MODERN, LEGACY = "application/graphql-response+json", "application/json"
OFFERED = (MODERN, LEGACY)


@pytest.mark.parametrize("accept", [None, "", "  "])
def test_no_header_wants_what_is_offered_first(accept: str | None) -> None:
    assert preferred(accept, OFFERED) == MODERN


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (MODERN, MODERN),
        (LEGACY, LEGACY),
        ("*/*", MODERN),
        ("application/*", MODERN),
        (f"{LEGACY}, {MODERN}", MODERN),  # equal: the server's order
        (f"{LEGACY};q=0.9, {MODERN};q=0.8", LEGACY),
        (f"{MODERN};q=0.1, */*;q=0.2", LEGACY),  # the specific range holds for its type alone
        (f"*/*, {MODERN};q=0", LEGACY),
        (f"application/*;q=0, {LEGACY};q=0.001", LEGACY),
        (f"{LEGACY};charset=utf-8", LEGACY),
        (f"{LEGACY};charset=utf-8;q=0.3, {MODERN};q=0.2", LEGACY),
        (" APPLICATION/JSON ; Q=0.5 ", LEGACY),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", MODERN),
        (f"{LEGACY};q=7, {MODERN}", MODERN),  # more than 1 counts as 1
    ],
)
def test_most_wanted_type_is_chosen(accept: str, chosen: str) -> None:
    assert preferred(accept, OFFERED) == chosen


@pytest.mark.parametrize(
    "accept", ["text/html", "image/*", "*/*;q=0", "application/*;q=0.0", f"{LEGACY};q=0", ",", "json", "application"]
)
def test_nothing_is_chosen_where_nothing_offered_is_wanted(accept: str) -> None:
    assert preferred(accept, OFFERED) is None


@pytest.mark.parametrize("quality", ["nan", "NaN", "-1", "", "x", "0,5", "-inf"])
def test_quality_that_is_no_number_between_0_and_1_counts_as_0(quality: str) -> None:
    assert preferred(f"{MODERN};q={quality}", OFFERED) is None
    assert preferred(f"{MODERN};q={quality}, {LEGACY};q=0.1", OFFERED) == LEGACY


def test_hostile_header_is_read_in_one_pass() -> None:
    assert preferred(",".join([";;q=;" * 100] * 1000) + f",{LEGACY}", OFFERED) == LEGACY
