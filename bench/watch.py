"""A server while it is measured: its memory, and who has its core, itself or somebody else, from time to time."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

SAMPLE = 0.1  # seconds between two looks
IDLE = ("idle", "iowait", "guest", "guest_nice")  # the last two are counted as a user's as well


@dataclass(frozen=True, slots=True)
class Sight:
    """`at` as `time.perf_counter` says it; MiB; seconds that the server and its core have worked so far. `core` is None
    where it has none of its own."""

    at: float
    memory: float
    server: float
    core: float | None


@dataclass(frozen=True, slots=True)
class Share:
    """Percent of a core: what the server used, and what others took of its own one (None: it has none)."""

    server: float
    others: float | None


@contextmanager
def watching(pid: int, core: int | None) -> Iterator[list[Sight]]:
    """What is seen until the block ends, and once more then."""
    process, over = psutil.Process(pid), threading.Event()
    seen = [_look(process, core)]

    def watch() -> None:
        while not over.wait(SAMPLE):
            seen.append(_look(process, core))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
        seen.append(_look(process, core))


def share(sights: Sequence[Sight], start: float, end: float) -> Share:
    """Between the first and the last look in that time; all of it is nobody's where there were no two."""
    within = [sight for sight in sights if start <= sight.at <= end]
    if len(within) < 2:
        return Share(0.0, None)
    first, last = within[0], within[-1]
    passed, server = last.at - first.at, last.server - first.server
    others = None if first.core is None or last.core is None else 100 * (last.core - first.core - server) / passed
    return Share(100 * server / passed, None if others is None else max(0.0, others))


def _look(process: psutil.Process, core: int | None) -> Sight:
    used = process.cpu_times()
    busy = None if core is None else _busy(core)
    return Sight(time.perf_counter(), process.memory_info().rss / 2**20, used.user + used.system, busy)


def _busy(core: int) -> float:
    times = psutil.cpu_times(percpu=True)[core]._asdict()
    return float(sum(seconds for name, seconds in times.items() if name not in IDLE))
