"""How far the database had come when somebody wrote, as callers carry it about: a position and when it was told."""

import re
from datetime import datetime

from app.kernel.value import value

EVERYTHING = 1 << 62  # beyond every position: nobody but the primary has come so far
SKEW = 60.0  # seconds that clocks of servers may differ
TOKEN = re.compile(r"([0-9a-f]{1,15})\.([0-9a-f]{1,9})", re.ASCII)


@value
class Since:
    """`told`: by a caller who knows what it has seen, so that nobody need look it up."""

    position: int
    told: bool


def encode_position(position: int, now: datetime) -> str:
    return f"{position:x}.{int(now.timestamp()):x}"


def decode_position(text: str, now: datetime, keep: float) -> int:
    """0 for what is no position, or was told more than `keep` seconds ago: every replica that is read has it by now."""
    found = TOKEN.fullmatch(text)
    if found is None:
        return 0
    age = now.timestamp() - int(found[2], 16)
    return int(found[1], 16) if -SKEW <= age <= keep + SKEW else 0
