"""The versions of the REST API: which routes each has, and which headers every answer of it carries."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Any

from app.rest import audit_v2, bulk_v2, export_v2, feature_v1, feature_v2, import_v2
from app.rest.render import RawHeaders
from app.rest.route import Route, Routes

ID = re.compile(r"[0-9A-Fa-f-]{36}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Version:
    """`legacy`: its errors have v1's form, and every answer points to its successor."""

    prefix: str
    routes: Routes
    legacy: bool = False
    own: RawHeaders = field(default_factory=list)

    def headers(self, path: str) -> RawHeaders:
        return [*self.own, (b"link", _successor(path))] if self.legacy else self.own


def legacy_version(deprecated: date, sunset: date | None) -> Version:
    """Deprecated since the one day (RFC 9745), and perhaps gone from the other on (RFC 8594); days begin in UTC."""
    own = [(b"x-api-version", b"1"), (b"deprecation", b"@%d" % _start_of(deprecated).timestamp())]
    if sunset is not None:
        own.append((b"sunset", format_datetime(_start_of(sunset), usegmt=True).encode()))
    return Version("/api/v1", Routes(feature_v1.ROUTES), legacy=True, own=own)


def current_version() -> Version:
    routes: list[Route[Any, Any]] = [
        *feature_v2.ROUTES,
        *audit_v2.ROUTES,
        *bulk_v2.ROUTES,
        *export_v2.ROUTES,
        *import_v2.ROUTES,
    ]
    return Version("/api/v2", Routes(routes), own=[(b"x-api-version", b"2")])


def version_of(path: str, versions: tuple[Version, ...]) -> Version:
    """The last where the path names none."""
    for version in versions[:-1]:
        if path.startswith(version.prefix) and path[len(version.prefix) :][:1] in ("", "/"):
            return version
    return versions[-1]


def _start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _successor(path: str) -> bytes:
    """What was asked for, in v2; nothing of the path goes into a header but what looks like an id."""
    id = path.removeprefix(f"{feature_v1.PATH}/")
    target = f"{feature_v2.PATH}/{id}" if ID.fullmatch(id) else feature_v2.PATH
    return f'<{target}>; rel="successor-version"'.encode()
