"""What is tallied comes out of the registry as though the histogram itself had observed it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

from app.telemetry.shared import SHARED_METRICS
from app.telemetry.tally import Tallies
from tests.fixtures.examples import examples

BOUNDS = (0.5, 1, 2.5)


def exposed(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


@examples(100)
@given(st.lists(st.one_of(st.sampled_from([0.5, 1, 2.5, 0]), st.integers(0, 10), st.floats(0, 10, width=16))))
def test_tallied_is_observed(amounts: list[float]) -> None:
    tallied, observed = CollectorRegistry(), CollectorRegistry()
    tallies = Tallies(tallied)
    total = Counter("asked", "Times.", registry=tallied)
    tally = tallies.of(Histogram("seconds", "Time.", ("of",), buckets=BOUNDS, registry=tallied).labels("a"), total)
    plain_total = Counter("asked", "Times.", registry=observed)
    plain = Histogram("seconds", "Time.", ("of",), buckets=BOUNDS, registry=observed).labels("a")
    for amount in amounts:
        tally.observe(amount)
        plain.observe(amount)
        plain_total.inc()

    # Sums of 16-bit floats are exact, in any order of adding.
    assert sorted(exposed(tallied)) == sorted(exposed(observed))
    assert sorted(exposed(tallied)) == sorted(exposed(observed))  # nothing is handed over twice


def test_processes_that_share_observe_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another process reads the files, and could not ask us to settle."""
    monkeypatch.setenv(SHARED_METRICS, str(tmp_path))
    registry = CollectorRegistry()
    tallies = Tallies(registry)
    histogram, total = (
        Histogram("seconds", "Time.", buckets=BOUNDS, registry=registry),
        Counter("asked", "Times.", registry=registry),
    )
    tallies.of(histogram, total).observe(1)

    assert [bucket.get() for bucket in histogram._buckets] == [0, 1, 0, 0]
    assert total._value.get() == 1


@pytest.mark.parametrize(("amount", "bucket"), [(0.5, 0), (0.500001, 1), (2.5, 2), (2.6, 3), (-1, 0)])
def test_bound_belongs_to_its_bucket(amount: float, bucket: int) -> None:
    registry = CollectorRegistry()
    tallies = Tallies(registry)
    histogram = Histogram("seconds", "Time.", buckets=BOUNDS, registry=registry)
    tallies.of(histogram).observe(amount)
    tallies.collect()
    assert [found.get() for found in histogram._buckets].index(1) == bucket
