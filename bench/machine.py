"""The machine: which core does what, and the CPU time that processes have used so far."""

import os
import platform
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Cores:
    """One core for the server that is measured, one for PostgreSQL and the load; both None: nothing is pinned."""

    server: int | None
    others: int | None

    @property
    def pinned(self) -> bool:
        return self.server is not None


def choose_cores() -> Cores:
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(allowed) < 2 or shutil.which("taskset") is None:
        return Cores(None, None)
    return Cores(allowed[0], allowed[1])


def on_core(core: int | None, command: Sequence[str]) -> list[str]:
    """The command, kept to that core with all its threads."""
    taskset = shutil.which("taskset")
    return list(command) if core is None or taskset is None else [taskset, "-c", str(core), *command]


def keep_to_core(core: int | None, pid: int) -> None:
    """A process that runs already, and its children; those that it starts later inherit it."""
    if core is None:
        return
    process = psutil.Process(pid)
    process.cpu_affinity([core])
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # ended just now
            child.cpu_affinity([core])


def cpu_seconds(pid: int) -> float:
    """Of one process with all its threads."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def family_cpu_seconds(pid: int) -> float:
    """Of a process and its children, those that have ended too: their time is in what the parent waited for."""
    parent = psutil.Process(pid)
    seconds = 0.0
    for child in parent.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:  # ended just now: the parent's own figures, read below, have it
            continue
        seconds += times.user + times.system
    times = parent.cpu_times()
    return float(seconds + times.user + times.system + times.children_user + times.children_system)


def describe() -> str:
    """Processor, cores and memory, for the report."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    memory = psutil.virtual_memory().total / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}"
