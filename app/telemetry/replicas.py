"""Metrics of replicas: how far behind they are, and how much is read where. Servers are numbered, not named."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class ReplicaMetrics:
    """Without replicas there are none."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Gauge(
            "feature_api_replica_lag_seconds",
            "How long ago the primary was where the replica is.",
            ("server",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._bytes = Gauge(
            "feature_api_replica_lag_bytes",
            "What the replica has not replayed yet.",
            ("server",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._usable = Gauge(
            "feature_api_replica_usable",
            "1 while the replica is read.",
            ("server",),
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._reads = Counter(
            "feature_api_reads",
            "Statements of requests that only read, by the server that answered.",
            ("server",),
            registry=registry,
        )
        self._told: dict[str, int] = {}

    def lag(self, server: str, seconds: float, size: int, usable: bool) -> None:
        self._seconds.labels(server).set(seconds)
        self._bytes.labels(server).set(size)
        self._usable.labels(server).set(usable)

    def read(self, server: str, number: int) -> None:
        """Until now."""
        self._reads.labels(server).inc(number - self._told.get(server, 0))
        self._told[server] = number
