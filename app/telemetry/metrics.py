"""Metrics: which there are, by name and label (R61). What a client chooses is no label, or one of a bounded number."""

from functools import cache
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.telemetry.logs import hashed
from app.telemetry.tally import Tallies

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LEGACY_USERS = 1_000
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class HttpMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        tallies, labels = Tallies(registry), ("method", "route", "status")
        self._seconds = Histogram(
            "http_request_duration_seconds", "Time to answer.", labels, buckets=SECONDS, registry=registry
        )
        self._total = Counter("http_requests", "Requests answered.", labels, registry=registry)
        self._turned_away = Counter(
            "feature_api_requests_turned_away",
            "Requests refused unread, since too many were under way.",
            registry=registry,
        )
        # Labels are few, and finding their children again costs more than to count.
        self._of = cache(lambda *found: tallies.of(self._seconds.labels(*found), self._total.labels(*found)))

    def record(self, method: str, route: str, status: int, seconds: float) -> None:
        self._of(method if method in METHODS else "other", route, status).observe(seconds)

    def turned_away(self) -> None:
        self._turned_away.inc()


class EngineMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        total = Counter("graphql_executor", "Operations run, by what ran them.", ("path",), registry=registry)
        self._total = {path: total.labels(path) for path in ("compiled", "reference")}

    def record(self, path: str) -> None:
        self._total[path].inc()


class DatabaseMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        tallies = Tallies(registry)
        self._seconds = Histogram(
            "database_query_duration_seconds",
            "Time of a statement.",
            ("statement",),
            buckets=SECONDS,
            registry=registry,
        )
        self._of = cache(lambda statement: tallies.of(self._seconds.labels(statement)))
        self._connections = Gauge(
            "database_connections",
            "Connections of a pool: lent, open, and how many there may be at most.",
            ("pool", "state"),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._waiting = Gauge(
            "database_connection_waiters",
            "Who waits for a connection of a pool.",
            ("pool",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._failures = Counter(
            "database_query_failures", "Statements that failed, by the error's class.", ("error",), registry=registry
        )

    def record(self, statement: str, seconds: float) -> None:
        self._of(statement).observe(seconds)

    def failed(self, error: type[BaseException]) -> None:
        self._failures.labels(error.__qualname__).inc()

    def connections(self, pool: str, lent: int, open: int, most: int, waiting: int) -> None:
        for state, number in (("lent", lent), ("open", open), ("max", most)):
            self._connections.labels(pool, state).set(number)
        self._waiting.labels(pool).set(waiting)


class SecurityMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._told = Counter("feature_api_security_events", "Security events.", ("kind",), registry=registry)
        self._not_kept = Counter(
            "feature_api_security_events_not_kept",
            "Security events that are not in the table: repeated too often, or lost.",
            ("reason",),
            registry=registry,
        )
        self._waiting = Gauge(
            "feature_api_security_events_waiting",
            "Security events that are not in the table yet.",
            registry=registry,
            multiprocess_mode="livesum",
        )

    def told(self, kind: str) -> None:
        self._told.labels(kind).inc()

    def not_kept(self, reason: str, number: int = 1) -> None:
        self._not_kept.labels(reason).inc(number)

    def waiting(self, number: int) -> None:
        self._waiting.set(number)


class LegacyMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._total = Counter(
            "feature_api_legacy_calls", "Calls of REST v1, by user (hashed).", ("user", "operation"), registry=registry
        )
        self._users: set[UUID] = set()
        # Of these users: to find a child again costs more than to count.
        self._known: dict[tuple[UUID, str], Counter] = {}

    def record(self, user_id: UUID, operation: str) -> None:
        """Of as many users as a scrape can bear; the others together."""
        counter = self._known.get((user_id, operation))
        if counter is None:
            counter = self._counter(user_id, operation)
        counter.inc()

    def _counter(self, user_id: UUID, operation: str) -> Counter:
        if len(self._users) < LEGACY_USERS:
            self._users.add(user_id)
        if user_id not in self._users:
            return self._total.labels("other", operation)
        counter = self._known[user_id, operation] = self._total.labels(hashed(user_id), operation)
        return counter


class DocumentMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._total = Counter(
            "feature_api_registered_documents",
            "Documents that clients registered: where they were found, and whether Redis could be asked.",
            ("outcome",),
            registry=registry,
        )

    def record(self, outcome: str) -> None:
        self._total.labels(outcome).inc()


class RateLimitMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        backend = Gauge(
            "feature_api_rate_limit_backend",
            "1 for what holds the buckets of the rate limits at the moment.",
            ("backend",),
            registry=registry,
            multiprocess_mode="livemax",  # both are 1 where workers differ
        )
        self._redis, self._local = backend.labels("redis"), backend.labels("local")
        self._fallbacks = Counter(
            "feature_api_rate_limit_fallbacks",
            "Calls that Redis left without an answer; this process decided alone.",
            registry=registry,
        )

    def told(self, redis: bool) -> None:
        self._redis.set(redis)
        self._local.set(not redis)

    def failed(self) -> None:
        self._fallbacks.inc()
