"""The file of the web platform's features as it is published: read and checked here, not yet in our words."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

EDITION = "web-features 3.40.0"  # npm's name and version of what `make web` installs; a test compares it

# "≤2020-03-24": some day up to this one. The bound is the only date there is, so it stands for the day.
type Day = Annotated[date, BeforeValidator(lambda found: found.removeprefix("≤") if isinstance(found, str) else found)]


class CatalogueError(Exception):
    """The catalogue cannot be read; the message is one line for the person at the terminal."""


class CatalogueMissing(CatalogueError):
    """The file is not there."""


class CatalogueUnfit(CatalogueError):
    """The file is there, and something in it is not as we know it."""


@dataclass(frozen=True, slots=True)
class Release:
    version: str
    date: Day


@dataclass(frozen=True, slots=True)
class Browser:
    releases: list[Release]


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Baseline: in every major browser, newly (low), for 30 months (high), or not (False)."""

    baseline: Literal["high", "low", False]
    support: dict[str, str]  # browser -> the version that brought the feature, as "80" or "≤80"
    baseline_low_date: Day | None = None
    baseline_high_date: Day | None = None


@dataclass(frozen=True, slots=True)
class Discouraged:
    reason: str
    according_to: list[str]
    alternatives: list[str] = field(default_factory=list)
    removal_date: Day | None = None


@dataclass(frozen=True, slots=True)
class WebFeature:
    kind: Literal["feature"]
    name: str
    description: str
    spec: list[str]
    status: Status
    group: list[str] = field(default_factory=list)
    snapshot: list[str] = field(default_factory=list)
    caniuse: list[str] = field(default_factory=list)
    compat_features: list[str] = field(default_factory=list)
    discouraged: Discouraged | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """A key that was given up for others: no feature."""

    kind: Literal["moved", "split"]


@dataclass(frozen=True, slots=True)
class Source:
    browsers: dict[str, Browser]
    groups: dict[str, Group]
    features: dict[str, Annotated[WebFeature | Redirect, Field(discriminator="kind")]]


_SOURCE = TypeAdapter(Source)


def read_source(path: Path) -> Source:
    """Raises CatalogueMissing or CatalogueUnfit."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise CatalogueMissing(f"{path} is not there: run `make web`, which installs the catalogue.") from None
    if rb"\u0000" in text:  # JSON can say it, PostgreSQL cannot keep it
        raise CatalogueUnfit(f"{path} holds a NUL character, which the database cannot keep.")
    try:
        return _SOURCE.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise CatalogueUnfit(f"{path} is not a catalogue of {EDITION}: {place}: {first['msg']}.") from None


def path_of(group: str, groups: dict[str, Group]) -> list[str]:
    """Keys from the top-most group down to this one. Raises CatalogueUnfit where the tree is none."""
    path = [group]
    while (found := groups.get(path[0])) is not None:
        if found.parent is None:
            return path
        if found.parent in path:
            raise CatalogueUnfit(f"The catalogue's group {group!r} is below itself.")
        path.insert(0, found.parent)
    raise CatalogueUnfit(f"The catalogue has no group {path[0]!r}, though it is named.")
