"""Several processes behind one socket: what they count together, and what happens when one of them dies (R61, R65)."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families

from app.telemetry import metrics, runtime
from tests.fixtures.embedded import soon
from tests.fixtures.production import Production
from tests.fixtures.server import PLAIN, ROOT, free_port, wait_until_ready

ASKED = 60
REQUEST = {"query": "{ viewer { name } }"}


@contextmanager
def serving(production: Production, workers: int, **settings: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    port = free_port()
    environment = {**production.environment, "PORT": str(port), **settings}
    command = [sys.executable, "-m", "app", "serve", "--workers", str(workers)]
    process = subprocess.Popen(command, env=environment, cwd=ROOT, text=True, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(url, process)
        yield url, process
    finally:
        process.terminate()
        assert soon(lambda: process.poll() is not None or is_stopping(url))
        process.terminate()  # and does not wait for SHUTDOWN_DELAY
        process.wait(120)


def is_stopping(url: str) -> bool:
    try:
        found = httpx.get(f"{url}/health/ready", timeout=60, verify=PLAIN).json()
    except httpx.TransportError:  # none of them listens any more
        return True
    return bool(found == {"status": "stopping"})


def ask(url: str) -> int:
    return httpx.post(
        f"{url}/graphql", json=REQUEST, headers={"connection": "close"}, timeout=60, verify=PLAIN
    ).status_code


def counted(url: str, name: str, **labels: str) -> float:
    """The sum over all that have those labels."""
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics", timeout=60, verify=PLAIN).text)
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def workers_of(process: "subprocess.Popen[str]") -> set[int]:
    return {child.pid for child in psutil.Process(process.pid).children()}


def test_workers_count_together_are_replaced_and_leave_together(production: Production) -> None:
    with serving(production, 2, SHUTDOWN_DELAY="60") as (url, process):
        first = workers_of(process)
        assert len(first) == 2
        assert {ask(url) for _ in range(ASKED)} == {200}
        assert counted(url, "http_requests_total", route="/graphql") == ASKED
        assert counted(url, "http_request_duration_seconds_count", route="/graphql") == ASKED
        assert counted(url, "feature_api_operation_seconds_count", operation="other") == ASKED
        assert counted(url, "database_connections", state="open") >= 1
        assert counted(url, "feature_api_rate_limit_backend", backend="redis") == 1

        victim = min(first)
        os.kill(victim, signal.SIGKILL)
        assert soon(lambda: len(workers_of(process) - {victim}) == 2)
        assert {ask(url) for _ in range(10)} == {200}
        assert counted(url, "http_requests_total", route="/graphql") == ASKED + 10  # what the dead one counted stays

        process.terminate()
        assert soon(lambda: is_stopping(url))
        assert httpx.get(f"{url}/health/live", timeout=60, verify=PLAIN).status_code == 200
        assert ask(url) == 200
        process.terminate()  # once more: at once
        assert process.wait(120) == 0
        assert not any(psutil.pid_exists(pid) for pid in first)


def test_workers_that_cannot_start_stop_the_server(production: Production) -> None:
    environment = {**production.environment, "PORT": str(free_port()), "TRUSTED_DOCUMENTS": "only"}
    environment["TRUSTED_DOCUMENTS_PATH"] = "/nowhere"
    command = [sys.executable, "-m", "app", "serve", "--workers", "2"]
    found = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 1
    assert "TRUSTED_DOCUMENTS_PATH" in found.stderr and "a worker ended by itself" in found.stderr


def test_every_gauge_says_how_processes_add_up() -> None:
    registry = CollectorRegistry()
    modules = {**vars(metrics), **vars(runtime)}
    kinds = [found for name, found in modules.items() if name.endswith("Metrics")]
    assert len(kinds) > 10
    for kind in kinds:
        kind(registry)
    gauges = [found for found in registry._collector_to_names if isinstance(found, Gauge)]
    assert len(gauges) >= 3
    assert {found._multiprocess_mode for found in gauges} <= {"livesum", "livemax"}
