"""Metrics of operations, jobs and caches: names that clients choose are few, whatever clients do (R61)."""

import pytest
from prometheus_client import CollectorRegistry

from app.jobs.runs import Runs
from app.telemetry.runtime import OPERATIONS, CacheMetrics, JobMetrics, OperationMetrics

SECONDS = "feature_api_operation_seconds_count"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def operations(registry: CollectorRegistry) -> dict[str, float]:
    samples = [sample for metric in registry.collect() for sample in metric.samples if sample.name == SECONDS]
    return {sample.labels["operation"]: sample.value for sample in samples if sample.value}


def test_operations_of_users_are_told_apart_and_those_of_guests_are_not(registry: CollectorRegistry) -> None:
    metrics = OperationMetrics(registry, ["Known"])
    for name, user in (("Mine", True), ("Mine", True), ("Made", False), ("Known", False), (None, True)):
        metrics.record(name, user, 0.1, None, None)
    assert operations(registry) == {"Mine": 2, "Known": 1, "other": 2}


def test_names_are_bounded(registry: CollectorRegistry) -> None:
    metrics = OperationMetrics(registry)
    for number in range(OPERATIONS + 20):
        metrics.record(f"Name{number}", True, 0.1, None, "INTERNAL")
    found = operations(registry)
    assert (len(found), found["other"], found["Name0"]) == (OPERATIONS + 1, 20, 1)
    errors = {"operation": "other", "code": "INTERNAL"}
    assert registry.get_sample_value("feature_api_operation_errors_total", errors) == 20


def test_cost_is_counted_where_it_is_known(registry: CollectorRegistry) -> None:
    metrics = OperationMetrics(registry)
    for cost in (13, None, 400):
        metrics.record("One", True, 0.1, cost, None)
    assert registry.get_sample_value("feature_api_operation_cost_points_count") == 2
    assert registry.get_sample_value("feature_api_operation_cost_points_sum") == 413


async def test_run_of_a_job_is_counted_as_it_ended(registry: CollectorRegistry) -> None:
    now = [100.0]
    fails = [True]

    async def work(number: int) -> int:
        if fails[0]:
            raise RuntimeError("planted")
        return number + 1

    def told(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"feature_api_job_{name}", {"task": "sweep", **labels})

    watched = Runs(JobMetrics(registry, lambda: now[0]), None).of("sweep", 60, work)
    now[0] = 200.0
    with pytest.raises(RuntimeError, match="planted"):
        await watched(1)
    assert (told("runs_total", outcome="failed"), told("last_success_timestamp_seconds")) == (1, 100)
    fails[0] = False
    assert await watched(1) == 2
    assert (told("runs_total", outcome="done"), told("last_success_timestamp_seconds")) == (1, 200)
    assert told("interval_seconds") == 60


def test_cache_s_own_counts_are_taken_over(registry: CollectorRegistry) -> None:
    metrics = CacheMetrics(registry)
    for hits, misses in ((3, 1), (3, 1), (10, 2)):
        metrics.measure("documents", hits, misses)
    found = [
        registry.get_sample_value("feature_api_cache_requests_total", {"cache": "documents", "outcome": outcome})
        for outcome in ("hit", "miss")
    ]
    assert found == [10, 2]
