"""Positions as callers carry them: read back for as long as they matter, and anything else is none."""

from datetime import UTC, datetime, timedelta

import pytest

from app.kernel.position import EVERYTHING, decode_position, encode_position

NOW = datetime(2026, 11, 28, 12, 0, 0, 500, tzinfo=UTC)


@pytest.mark.parametrize("position", [1, 0x16B3748, (1 << 60) - 1])
def test_position_comes_back(position: int) -> None:
    assert decode_position(encode_position(position, NOW), NOW, 15) == position


@pytest.mark.parametrize(("age", "known"), [(-61, False), (-59, True), (74, True), (76, False)])
def test_it_counts_while_clocks_may_differ_by_a_minute(age: int, known: bool) -> None:
    text = encode_position(100, NOW - timedelta(seconds=age))
    assert decode_position(text, NOW, 15) == (100 if known else 0)


@pytest.mark.parametrize(
    "text",
    ["", ".", "1", "1.", ".1", "-1.6b0a", "1.2.3", "G.1", "1 .1", "1.\u0661", "1" * 16 + ".1", "1." + "0" * 10, "A.B"],
)
def test_what_is_no_position_is_none(text: str) -> None:
    assert decode_position(text, NOW, 1e12) == 0


def test_no_position_of_a_caller_is_beyond_everything() -> None:
    assert decode_position(encode_position((1 << 60) - 1, NOW), NOW, 15) < EVERYTHING
