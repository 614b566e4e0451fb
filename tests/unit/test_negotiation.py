"""The Accept header: q-values, wildcards by how specific they are, UTF-8 and nothing else."""

import pytest

from app.http.accept import REMEMBERED, preferred

MODERN, LEGACY = "application/graphql-response+json", "application/json"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (None, MODERN),
        ("  ", MODERN),
        ("*/*", MODERN),
        ("application/*", MODERN),
        (LEGACY, LEGACY),
        (f"{MODERN}, {LEGACY};q=0.9", MODERN),
        (f"{LEGACY}, {MODERN};q=0.9", LEGACY),
        (f"{LEGACY};q=0.2, */*;q=0.1", LEGACY),
        (f"{LEGACY};q=0.1, */*;q=0.2", MODERN),
        (f"{MODERN};q=0, */*", LEGACY),
        (f"{MODERN};q=0, {LEGACY};q=0, */*", None),
        ("text/html, image/*", None),
        ("", MODERN),
        (f"{LEGACY.upper()}; CHARSET=UTF-8", LEGACY),
        (f'{LEGACY}; charset="utf-8"; q="0.5"', LEGACY),
        (f"{LEGACY}; charset=latin1", None),
        (f"{MODERN}; charset=utf-16, {LEGACY};q=0.1", LEGACY),
        (f"{LEGACY};q=x", None),
        (f"{LEGACY};q=nan", None),
        (f"{LEGACY};q=-1", None),
        (f"{LEGACY};q=inf", LEGACY),
        (",;,=;q", None),
    ],
)
def test_what_is_wanted_most_is_offered(accept: str | None, wanted: str | None) -> None:
    assert preferred(accept, (MODERN, LEGACY)) == wanted
    assert preferred(accept, (MODERN, LEGACY)) == wanted  # from memory


def test_a_long_header_is_read_like_a_short_one() -> None:
    assert preferred("text/html," * REMEMBERED + LEGACY, (MODERN, LEGACY)) == LEGACY
