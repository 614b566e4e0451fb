"""Conditional requests (RFC 9110 §13): entity tags are strong, and say the feature's version."""

import re

from app.http.headers import Headers

TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
NEVER = 0  # no feature has this version


def tag_of(version: int) -> str:
    return f'"{version}"'


def expected_version(headers: Headers) -> int | None:
    """The version that a write must find; None: whatever there is. NEVER where no version will do.

    Of several tags the newest counts: versions only grow, so no older one of those that were given out can be current.
    """
    wanted = headers.get(b"if-match")
    if wanted is None:
        return NEVER if headers.get(b"if-none-match", "").strip() == "*" else None
    if wanted.strip() == "*":
        return None
    versions = [
        int(opaque)
        for weak, opaque in TAG.findall(wanted)
        if not weak and opaque.isascii() and opaque.isdigit() and len(opaque) < 10  # strong comparison (§13.1.1)
    ]
    return max(versions, default=NEVER)


def not_modified(headers: Headers, tag: str) -> bool:
    """By weak comparison (§13.1.2): a proxy that compresses makes our tags weak."""
    known = headers.get(b"if-none-match")
    if known is None:
        return False
    plain = tag.removeprefix("W/")
    return known.strip() == "*" or plain in (found.strip().removeprefix("W/") for found in known.split(","))
