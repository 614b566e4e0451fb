"""A feature's history as its dates tell it: shipped first, Baseline low, Baseline high, discouraged."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from app.domain.audit.model import AuditAction
from app.domain.feature.model import FeatureStatus
from app.seed.source import CatalogueUnfit, Source, WebFeature

DAY = timedelta(days=1)
LEAD = timedelta(days=30)  # what no browser has shipped is taken up so long before its first date

LIMITED, LOW, HIGH, DISCOURAGED = "baseline-limited", "baseline-low", "baseline-high", "discouraged"


@dataclass(frozen=True, slots=True)
class Step:
    """What was done, and what the feature is from then on. `marks` are the tags that say so."""

    action: AuditAction
    at: datetime
    status: FeatureStatus
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """When each browser's versions came out, and the last day that the catalogue knows of."""

    releases: dict[tuple[str, str], date]
    end: date

    def shipped(self, feature: WebFeature) -> date | None:
        """The day of the first browser that had the feature."""
        versions = ((browser, version.removeprefix("≤")) for browser, version in feature.status.support.items())
        return min((self.releases[found] for found in versions if found in self.releases), default=None)


def calendar_of(source: Source) -> Calendar:
    releases = {
        (name, release.version): release.date
        for name, browser in source.browsers.items()
        for release in browser.releases
    }
    if not releases:
        raise CatalogueUnfit("The catalogue has no releases of browsers: history would have no dates.")
    return Calendar(releases, max(releases.values()))


def steps_of(key: str, feature: WebFeature, calendar: Calendar) -> list[Step]:
    """In order of time, strictly rising, a CREATE first. A feature is created on the day it first shipped, in any case
    before its first date; one that never shipped and has no date, on the catalogue's last day."""
    steps: list[Step] = []
    for action, day, status, marks in _changes(key, feature, calendar):
        at = _midnight(day)
        steps.append(Step(action, max(at, steps[-1].at + DAY) if steps else at, status, marks))
    shipped = calendar.shipped(feature)
    if steps:
        known = steps[0].at - (LEAD if shipped is None else DAY)
        created = known if shipped is None else min(known, _midnight(shipped))
    else:
        created = _midnight(shipped or calendar.end)
    return [Step("CREATE", created, "INACTIVE", (LIMITED,)), *steps]


type _Change = tuple[AuditAction, date, FeatureStatus, tuple[str, ...]]


def _changes(key: str, feature: WebFeature, calendar: Calendar) -> list[_Change]:
    status, changes = feature.status, list[_Change]()
    if status.baseline:
        if status.baseline_low_date is None:
            raise CatalogueUnfit(f"The catalogue's feature {key!r} is Baseline and has no date for it.")
        changes.append(("ACTIVATE", status.baseline_low_date, "ACTIVE", (LOW,)))
    if status.baseline == "high":
        if status.baseline_high_date is None:
            raise CatalogueUnfit(f"The catalogue's feature {key!r} is Baseline high and has no date for it.")
        changes.append(("UPDATE", status.baseline_high_date, "ACTIVE", (HIGH,)))
    if feature.discouraged is not None:
        marks = changes[-1][3] if changes else (LIMITED,)
        day = min(feature.discouraged.removal_date or calendar.end, calendar.end)  # a removal may lie in the future
        changes.append(("ARCHIVE", day, "ARCHIVED", (*marks, DISCOURAGED)))
    return changes


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
