"""Spans on their way: gathered, sent, lost only where there is no other way, and never waited for (R62)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from opentelemetry.trace import SpanContext, TraceFlags
from prometheus_client import CollectorRegistry

from app.adapters import span_export
from app.adapters.span_export import SpanExport
from app.telemetry.runtime import SpanMetrics
from app.telemetry.spans import TRUSTED, Recorder, Sampler, current, sort_of
from tests.fixtures.collector import collecting
from tests.fixtures.server import free_port
from tests.fixtures.waiting import eventually

ABOUT = {"service.name": "tested"}


class Exported:
    def __init__(self, url: str) -> None:
        self.registry = CollectorRegistry()
        self.export = SpanExport(url, {}, ABOUT, SpanMetrics(self.registry), retry=0.01)
        self.recorder = Recorder(self.export.put)

    def count(self, outcome: str) -> float | None:
        return self.registry.get_sample_value("feature_api_spans_total", {"outcome": outcome})

    def make(self, *names: str) -> None:
        for name in names:
            self.recorder.root(sort_of(name)).end()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.export.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def until(self, outcome: str, number: float) -> None:
        async def come() -> bool:
            return (self.count(outcome) or 0) >= number

        await eventually(come)


async def test_what_waits_when_the_process_ends_is_sent() -> None:
    with collecting() as collector:
        exported = Exported(collector.url + "/")
        async with exported.running():
            await asyncio.sleep(0)
            exported.make("one", "two")
        assert [span.name for span in collector.spans] == ["one", "two"]
        assert (exported.count("sent"), exported.count("failed")) == (2, 0)


async def test_collector_that_comes_back_gets_what_is_made_from_then_on() -> None:
    port = free_port()
    exported = Exported(f"http://127.0.0.1:{port}")
    async with exported.running():
        exported.make("lost")
        await exported.until("failed", 1)
        with collecting(port) as collector:
            exported.make("found")
            await exported.until("sent", 1)
            assert [span.name for span in collector.spans] == ["found"]
    assert exported.count("dropped") == 0


async def test_collector_that_refuses_costs_its_spans_alone() -> None:
    with collecting() as collector:
        collector.status = 503
        exported = Exported(collector.url)
        async with exported.running():
            exported.make("refused")
            await exported.until("failed", 1)
            collector.status = 200
            exported.make("taken")
            await exported.until("sent", 1)
        assert [span.name for span in collector.spans] == ["taken"]


def test_spans_that_wait_are_bounded() -> None:
    exported = Exported("http://127.0.0.1:1")
    exported.make(*["span"] * (span_export.WAITING + 3))
    assert exported.count("dropped") == 3


async def test_large_number_goes_in_several_requests() -> None:
    with collecting() as collector:
        exported = Exported(collector.url)
        exported.make(*["span"] * (span_export.BATCH + 1))
        async with exported.running():
            await exported.until("sent", span_export.BATCH + 1)
        assert (len(collector.raw), len(collector.spans)) == (2, span_export.BATCH + 1)


def test_ended_span_is_nobody_s_parent() -> None:
    span = Exported("http://127.0.0.1:1").recorder.root(sort_of("request"))
    with span:
        assert current() is span
        span.end()
        assert current() is None
    assert current() is None


def caller(sampled: bool) -> SpanContext:
    return SpanContext(1, 1, True, TraceFlags(sampled))


def test_caller_decides_where_there_is_one() -> None:
    sampler = Sampler(0.1, lambda: 1.0, lambda: 0.0)
    assert (sampler.takes(caller(True)), sampler.takes(caller(False))) == (True, False)


def test_callers_are_believed_so_many_times_a_second() -> None:
    now = [0.5]
    sampler = Sampler(0, lambda: 0.0, lambda: now[0])
    assert sum(sampler.takes(caller(True)) for _ in range(TRUSTED + 50)) == TRUSTED
    now[0] = 1.0
    assert sampler.takes(caller(True))
