"""Content negotiation by the Accept header (RFC 9110 §12.5.1); everything is offered in UTF-8 and nothing else."""

from collections.abc import Sequence
from functools import lru_cache

REMEMBERED = 1_000  # characters; a longer header is read every time, so that memory stays bounded


def preferred(accept: str | None, offered: Sequence[str]) -> str | None:
    """The offered media type that is wanted most, the first of equals; None where none is. No header wants anything."""
    if accept is None or not accept.strip():
        return offered[0]
    read = _remembered if len(accept) <= REMEMBERED else _preferred
    return read(accept, tuple(offered))


def _preferred(accept: str, offered: tuple[str, ...]) -> str | None:
    ranges = read_ranges(accept)
    best = max(offered, key=lambda media: _quality(media, ranges))
    return best if _quality(best, ranges) > 0 else None


_remembered = lru_cache(maxsize=256)(_preferred)


def read_ranges(header: str) -> list[tuple[str, float]]:
    """What is named, in its order, in small letters, each with its quality from 0 to 1."""
    return [found for part in header.split(",") if part.strip() and (found := _range(part))]


def _range(part: str) -> tuple[str, float] | None:
    """None for a range in another charset: we have nothing to offer in it. Other parameters say nothing to us."""
    media, *parameters = (item.strip().lower() for item in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        name, value = name.strip(), value.strip().strip('"')
        if name == "charset" and value not in ("utf-8", "utf8"):
            return None
        if name == "q":
            quality = _number(value)
    return media, quality


def _number(text: str) -> float:
    try:
        return min(max(0.0, float(text)), 1.0)  # in this order NaN is 0
    except ValueError:
        return 0.0


def _quality(media: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The most specific range that matches says it."""
    for pattern in (media, media.split("/")[0] + "/*", "*/*"):
        for wanted, quality in ranges:
            if wanted == pattern:
                return quality
    return 0.0
