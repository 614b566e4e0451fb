"""Metrics of several processes behind one socket: prometheus_client keeps them in files of one folder, and adds them up
for whichever process is asked."""

import os
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"  # the folder; prometheus_client reads it as it is imported
_collect: Callable[[CollectorRegistry], object] = MultiProcessCollector  # neither has types
_forget: Callable[[int, str], object] = mark_process_dead


def metrics_are_shared() -> bool:
    return SHARED_METRICS in os.environ


def exposition(registry: CollectorRegistry) -> bytes:
    """Of all workers, where they share their metrics; else of this process."""
    if metrics_are_shared():
        registry = CollectorRegistry()
        _collect(registry)
    return generate_latest(registry)


def forget_process(pid: int, folder: Path) -> None:
    """What a process that ended was holding is held no more; what it counted stays."""
    _forget(pid, str(folder))
