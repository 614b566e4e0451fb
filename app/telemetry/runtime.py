"""Metrics of what operations, batches, jobs and caches do; children are found once, since each request asks (R61)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from time import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.telemetry.tally import Observed, Tallies

OPERATIONS = 100  # names that are told apart, of users' operations; guests could make them up
OTHER = "other"
KEYS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
POINTS = (1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000, 50_000)
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class OperationMetrics:
    def __init__(self, registry: CollectorRegistry, known: Sequence[str] = ()) -> None:
        """`known`: names that are told apart from the beginning."""
        self._tallies = tallies = Tallies(registry)
        self._seconds = Histogram(
            "feature_api_operation_seconds",
            "Time of a GraphQL operation, by its name.",
            ("operation",),
            buckets=SECONDS,
            registry=registry,
        )
        self._errors = Counter(
            "feature_api_operation_errors",
            "GraphQL operations with errors, by name and by the first error's code.",
            ("operation", "code"),
            registry=registry,
        )
        points = Histogram(
            "feature_api_operation_cost_points", "Cost of a GraphQL operation.", buckets=POINTS, registry=registry
        )
        self._points = tallies.of(points)
        self._of: dict[str | None, Observed] = {}
        for name in [*known[:OPERATIONS], OTHER]:
            self._of[name] = tallies.of(self._seconds.labels(name))

    def record(self, name: str | None, user: bool, seconds: float, cost: int | None, code: str | None) -> None:
        """`user`: was it asked by one? `cost` where it came so far; `code` of its first error."""
        known = name if name in self._of else self._learned(name, user)
        self._of[known].observe(seconds)
        if cost is not None:
            self._points.observe(cost)
        if code is not None:
            self._errors.labels(known, code).inc()

    def _learned(self, name: str | None, user: bool) -> str:
        if name is None or not user or len(self._of) > OPERATIONS:
            return OTHER
        self._of[name] = self._tallies.of(self._seconds.labels(name))
        return name


class BatchMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        tallies = Tallies(registry)
        keys = Histogram(
            "feature_api_batch_keys",
            "Keys that one batch loaded together.",
            ("batch",),
            buckets=KEYS,
            registry=registry,
        )
        self._of = cache(lambda batch: tallies.of(keys.labels(batch)))

    def record(self, batch: str, keys: int) -> None:
        self._of(batch).observe(keys)


class JobMetrics:
    """The label is `task`, since Prometheus has a `job` of its own."""

    def __init__(self, registry: CollectorRegistry, now: Callable[[], float] = time) -> None:
        self._now = now
        self._runs = Counter("feature_api_job_runs", "Runs of a job.", ("task", "outcome"), registry=registry)
        self._done = Gauge(
            "feature_api_job_last_success_timestamp_seconds",
            "When a job was last done, or its process began; the latest of all processes.",
            ("task",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._every = Gauge(
            "feature_api_job_interval_seconds",
            "How often a job shall be done.",
            ("task",),
            registry=registry,
            multiprocess_mode="livemax",
        )

    def began(self, job: str, every: float) -> None:
        self._done.labels(job).set(self._now())
        self._every.labels(job).set(every)
        for outcome in ("done", "failed"):
            self._runs.labels(job, outcome)

    def ended(self, job: str, done: bool) -> None:
        self._runs.labels(job, "done" if done else "failed").inc()
        if done:
            self._done.labels(job).set(self._now())


class CacheMetrics:
    """Caches count for themselves, in numbers that only grow; they are taken over when somebody looks."""

    def __init__(self, registry: CollectorRegistry) -> None:
        total = Counter(
            "feature_api_cache_requests", "What caches were asked for.", ("cache", "outcome"), registry=registry
        )
        self._of = cache(total.labels)
        self._told: dict[tuple[str, str], int] = {}

    def measure(self, name: str, hits: int, misses: int) -> None:
        """Until now."""
        for outcome, number in (("hit", hits), ("miss", misses)):
            self._of(name, outcome).inc(number - self._told.get((name, outcome), 0))
            self._told[name, outcome] = number


class SpanMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        total = Counter(
            "feature_api_spans", "Spans by what became of them: sent, failed, dropped.", ("outcome",), registry=registry
        )
        self._total = {outcome: total.labels(outcome) for outcome in ("sent", "failed", "dropped")}

    def ended(self, outcome: str, spans: int = 1) -> None:
        self._total[outcome].inc(spans)


class OutboxMetrics:
    """Of what this process saw at its last look; how long that is ago by then is added when somebody looks here."""

    def __init__(self, registry: CollectorRegistry, now: Callable[[], float] = time) -> None:
        self._now = now
        self._since: datetime | None = None
        self._age = Gauge(
            "feature_api_outbox_age_seconds",
            "How long the first of the events that wait to be published has waited; 0 where none does.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._rows = Gauge(
            "feature_api_outbox_rows",
            "Events that wait to be published, counted up to ten thousand.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._published = Counter("feature_api_outbox_published", "Events published.", registry=registry)
        self._failures = Counter(
            "feature_api_outbox_failures", "Batches of events that could not be published.", registry=registry
        )

    def waiting(self, events: int, since: datetime | None) -> None:
        self._since = since
        self._rows.set(events)
        self.measure()

    def measure(self) -> None:
        self._age.set(0 if self._since is None else max(0, self._now() - self._since.timestamp()))

    def published(self, events: int) -> None:
        self._published.inc(events)

    def failed(self) -> None:
        self._failures.inc()


class StateMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._breaker = Gauge(
            "feature_api_breaker_open",
            "1 while a server is not asked, since it failed again and again.",
            ("server",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._key = Gauge(
            "feature_api_signing_key_created_timestamp_seconds",
            "When the database's key that signs was made; 0 where there is none.",
            registry=registry,
            multiprocess_mode="livemax",
        )

        self._primaries = Gauge(
            "feature_api_primaries",
            "Servers of DATABASE_URL that take writes; 0 where it names but one.",
            registry=registry,
            multiprocess_mode="livemax",
        )

    def primaries(self, number: int) -> None:
        self._primaries.set(number)

    def breaker(self, server: str, is_open: bool) -> None:
        self._breaker.labels(server).set(is_open)

    def signing_key(self, created: float) -> None:
        self._key.set(created)
