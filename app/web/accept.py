"""Content negotiation by the Accept header (RFC 9110 §12.5.1)."""

from collections.abc import Sequence


def preferred(accept: str | None, offered: Sequence[str]) -> str | None:
    """The offered media type that is wanted most, the first of equals; None where none is. No header wants anything."""
    if accept is None or not accept.strip():
        return offered[0]
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    best = max(offered, key=lambda media: _quality(media, ranges))
    return best if _quality(best, ranges) > 0 else None


def _range(part: str) -> tuple[str, float]:
    media, *parameters = (item.strip().lower() for item in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return media, min(max(0.0, float(value)), 1.0)  # in this order NaN is 0
            except ValueError:
                return media, 0.0
    return media, 1.0


def _quality(media: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The most specific range that matches says it."""
    for pattern in (media, media.split("/")[0] + "/*", "*/*"):
        for wanted, quality in ranges:
            if wanted == pattern:
                return quality
    return 0.0
