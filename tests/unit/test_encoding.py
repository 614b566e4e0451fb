"""Which content coding a client wants (RFC 9110 §12.5.3)."""

import pytest

from app.http.encoding import preferred_coding


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (None, None),
        ("", None),
        (" ", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1, br;q=0.5", "gzip"),
        ("gzip ; q=0.2 , br ; q=0.3", "br"),
        ("gzip;q=0", None),
        ("gzip;q=0, *", "br"),
        ("br;q=0, *;q=0.1", "gzip"),
        ("*", "br"),
        ("*;q=0", None),
        ("identity", None),
        ("deflate, zstd", None),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0, gzip;q=0.001", "gzip"),
        ("gzip;q=nonsense", None),
        ("gzip;q=0, gzip;q=1", None),  # the first word on it counts
        (", ,gzip", "gzip"),
        ("gzip," + "a," * 1_000, "gzip"),
    ],
)
def test_coding_wanted_most_is_found(accepted: str | None, coding: str | None) -> None:
    assert preferred_coding(accepted, ("br", "gzip")) == coding
