"""A span of time, as filters use it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DateTimeRange:
    """From `start` on, up to but without `end`; None: no bound."""

    start: datetime | None = None
    end: datetime | None = None
