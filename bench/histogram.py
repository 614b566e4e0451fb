"""What a server's own histograms say of the time between two looks at its metrics."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

type Buckets = Mapping[float, float]  # upper bound in seconds: how many were at most so long

QUERY = "database_query_duration_seconds"


@dataclass(frozen=True)
class Look:
    """By statement."""

    buckets: Mapping[str, Buckets]


def look(url: str) -> Look:
    found: dict[str, dict[float, float]] = {}
    for family in text_string_to_metric_families(httpx.get(f"{url}/metrics", timeout=30).raise_for_status().text):
        if family.name == QUERY:
            for sample in family.samples:
                if sample.name == f"{QUERY}_bucket":
                    found.setdefault(sample.labels["statement"], {})[float(sample.labels["le"])] = sample.value
    return Look(found)


def between(first: Look, last: Look) -> Buckets:
    """Of all statements together."""
    total: dict[float, float] = {}
    for statement, buckets in last.buckets.items():
        before = first.buckets.get(statement, {})
        for bound, count in buckets.items():
            total[bound] = total.get(bound, 0) + count - before.get(bound, 0)
    return total


def quantile(share: float, buckets: Buckets) -> float | None:
    """Seconds, as PromQL's histogram_quantile has it; None where nothing was counted."""
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0
    if not total:
        return None
    wanted = share * total
    lower, before = 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= wanted:
            if bound == float("inf"):
                return lower
            return lower + (bound - lower) * (wanted - before) / (buckets[bound] - before)
        lower, before = bound, buckets[bound]
    return lower
