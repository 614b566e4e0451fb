"""Content codings by the Accept-Encoding header (RFC 9110 §12.5.3); what is not encoded is always acceptable."""

from collections.abc import Sequence
from functools import lru_cache

from app.http.accept import REMEMBERED, read_ranges

IDENTITY = "identity"
ALIASES = {"x-gzip": "gzip"}  # RFC 9110 §8.4.1.3


def preferred_coding(accepted: str | None, offered: Sequence[str]) -> str | None:
    """The offered coding that is wanted most, the first of equals; None where none is, or rather no coding at all."""
    if not accepted:
        return None
    read = _remembered if len(accepted) <= REMEMBERED else _preferred
    return read(accepted, tuple(offered))


def _preferred(accepted: str, offered: tuple[str, ...]) -> str | None:
    found = {ALIASES.get(name, name): quality for name, quality in reversed(read_ranges(accepted))}
    others = found.get("*", 0.0)
    best = max(offered, key=lambda coding: found.get(coding, others))
    quality = found.get(best, others)
    return best if quality > 0 and quality >= found.get(IDENTITY, 0.0) else None


_remembered = lru_cache(maxsize=256)(_preferred)
