"""All that one process tells of itself: its metrics, its traces where there is a collector, and who is told what."""

import os
import random
import time
from collections.abc import Awaitable, Sequence
from importlib import metadata
from typing import Any

from prometheus_client import CollectorRegistry

from app.adapters.span_export import SpanExport
from app.config.settings import Settings
from app.db.database import Database
from app.db.statement import Statement
from app.engine.operation import Executor
from app.telemetry.metrics import (
    DatabaseMetrics,
    EngineMetrics,
    HttpMetrics,
    RateLimitMetrics,
    SecurityMetrics,
)
from app.telemetry.replicas import ReplicaMetrics
from app.telemetry.runtime import (
    BatchMetrics,
    CacheMetrics,
    JobMetrics,
    OperationMetrics,
    OutboxMetrics,
    SpanMetrics,
    StateMetrics,
)
from app.telemetry.spans import Recorder, Recording, Sampler, awaited, current, here, sort_of
from app.telemetry.statements import SlowStatements, StatementObserver


class Observing:
    """Without a collector no span is made, and nothing asks whether there is one."""

    def __init__(self, settings: Settings) -> None:
        self.registry = registry = CollectorRegistry()
        self.http = HttpMetrics(registry)
        self.database = DatabaseMetrics(registry)
        self.operations = OperationMetrics(registry)
        self.rate_limits = RateLimitMetrics(registry)
        self.security = SecurityMetrics(registry)
        self.jobs, self.caches, self.states = JobMetrics(registry), CacheMetrics(registry), StateMetrics(registry)
        self.outbox = OutboxMetrics(registry)
        self.replicas = ReplicaMetrics(registry)
        self._engine, self._batches = EngineMetrics(registry), BatchMetrics(registry)
        self.export = _export(settings, SpanMetrics(registry))
        self.recorder = Recorder(self.export.put) if self.export is not None else None
        self.sampler = Sampler(settings.otel_traces_sampler_arg, random.random, time.monotonic)
        seconds = settings.slow_statement_seconds
        self.slow = SlowStatements[Statement](seconds, settings.slow_statement_plans) if seconds else None
        self.statement = StatementObserver(self.database, self.slow, self.traces)

    @property
    def traces(self) -> bool:
        return self.export is not None

    def explain_by(self, database: Database) -> None:
        if self.slow is not None:
            self.slow.explain = database.explain

    def batch(self, name: str, keys: int, loading: Awaitable[Sequence[Any]]) -> Awaitable[Sequence[Any]]:
        """See `engine.batch.Around`."""
        self._batches.record(name, keys)
        if self.export is None or (around := current()) is None:
            return loading
        return _loaded(around.child(sort_of(f"load {name}")), keys, loading)

    def relayed[T](self, work: Awaitable[T]) -> Awaitable[T]:
        """In a trace of its own, where there are any."""
        return work if self.recorder is None else awaited(self.recorder.root(sort_of("job outbox")), work)

    def executed(self, executor: Executor) -> None:
        self._engine.record(executor)
        if self.export is not None and (around := here()) is not None and not around.ended:
            around.attributes["feature_api.executor"] = executor

    async def close(self) -> None:
        if self.slow is not None:
            await self.slow.close()


async def _loaded(span: Recording, keys: int, loading: Awaitable[Sequence[Any]]) -> Sequence[Any]:
    span.attributes["feature_api.batch.keys"] = keys
    found = await awaited(span, loading)
    span.attributes["feature_api.batch.rows"] = sum(one is not None for one in found)
    return found


def _export(settings: Settings, metrics: SpanMetrics) -> SpanExport | None:
    if settings.otel_exporter_otlp_endpoint is None:
        return None
    about = {
        "service.name": settings.otel_service_name,
        "service.version": metadata.version("feature-api"),
        "service.instance.id": f"{os.uname().nodename}:{os.getpid()}",
        "deployment.environment.name": settings.environment,
    }
    return SpanExport(settings.otel_exporter_otlp_endpoint, settings.otlp_headers, about, metrics)
