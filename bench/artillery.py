"""The load of ops/load: Artillery's config, which it runs against our server or any other, and what came of it."""

import os
import re
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from bench.contenders import ROOT, BenchError, install_packages, node_program
from bench.machine import on_core

FOLDER = ROOT / "ops" / "load"
CONFIG = FOLDER / "features.yml"
JUDGED = (0, 1, 21)  # its statuses: all is well; a threshold was missed; an answer was not as expected
PHASE = re.compile(r"Phase started: ([\w-]+) \(index: \d+, duration: (\w+)\)")


@dataclass(frozen=True)
class Point:
    """One period: seconds since the first, requests per second, milliseconds."""

    second: int
    rate: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Played:
    """One profile as it went. `values` by the names that `ensure` has; `errors`: callers who did not get what they
    came for, in percent."""

    profile: str
    callers: int
    requests: int
    rate: float  # requests per second, at the most, in one period
    values: Mapping[str, float]
    errors: float
    points: Sequence[Point]


@dataclass(frozen=True)
class Held:
    """A threshold beside what was measured; milliseconds, or percent."""

    what: str
    allowed: float
    measured: float | None
    met: bool


def read_config() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(CONFIG.read_text("utf-8"))
    return found


def install() -> None:
    """Raises BenchError."""
    install_packages(FOLDER, "Artillery", "--ignore-scripts")  # they would download browsers, which nobody needs here


def scaled(phases: Sequence[Mapping[str, Any]], scale: float) -> list[dict[str, Any]]:
    """The same rates for a part of the time, a second at the least."""
    return [{**phase, "duration": max(1, round(phase["duration"] * scale))} for phase in phases]


def play(
    profile: str, target: str, tokens: Path, report: Path, scale: float, core: int | None, say: Callable[[str], None]
) -> Played:
    """`say` is told of each phase. Raises BenchError where it does not run."""
    phases = scaled(read_config()["config"]["environments"][profile]["phases"], scale)
    command = [str(node_program()), str(FOLDER / "node_modules" / "artillery" / "bin" / "run"), "run", str(CONFIG)]
    command += ["--environment", profile, "--target", target, "--payload", str(tokens), "--output", str(report)]
    command += ["--overrides", orjson.dumps({"config": {"phases": phases}}).decode()]
    environment = {**os.environ, "ARTILLERY_DISABLE_TELEMETRY": "true"}
    said = deque[str](maxlen=20)
    with subprocess.Popen(
        on_core(core, command),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        for line in process.stdout:
            said.append(line)
            if found := PHASE.match(line):
                say(f"{profile}: {found[1]}, {found[2]}")
    if process.returncode not in JUDGED or not report.exists():
        raise BenchError(f"Artillery failed: {''.join(said).strip()}")
    return played(profile, orjson.loads(report.read_bytes()))


def played(profile: str, report: Mapping[str, Any]) -> Played:
    """Out of Artillery's own report."""
    whole = report["aggregate"]
    counters: Mapping[str, int] = whole["counters"]
    callers = counters.get("vusers.created", 0)
    done = counters.get("vusers.completed", 0)
    values = {
        f"{name}.{part}": float(value)
        for name, summary in whole["summaries"].items()
        for part, value in summary.items()
    }
    points = list(_points(report["intermediate"]))
    return Played(
        profile,
        callers,
        counters.get("http.requests", 0),
        max((point.rate for point in points), default=0.0),
        values,
        100.0 * (callers - done) / callers if callers else 100.0,
        points,
    )


def held(config: Mapping[str, Any], seen: Played) -> Iterator[Held]:
    """As Artillery's `ensure` judges; what was not measured is not met."""
    ensure = config["config"]["ensure"]
    for threshold in ensure["thresholds"]:
        [(name, allowed)] = threshold.items()
        measured = seen.values.get(name)
        yield Held(name, allowed, measured, measured is not None and measured < allowed)
    allowed = ensure["maxErrorRate"]
    yield Held("errors", allowed, seen.errors, seen.errors <= allowed)


def _points(periods: Sequence[Mapping[str, Any]]) -> Iterator[Point]:
    first = int(periods[0]["period"]) if periods else 0
    for period in periods:
        times = period["summaries"].get("http.response_time")
        if times:
            seconds = (period["lastMetricAt"] - period["firstMetricAt"]) / 1000
            rate = period["counters"].get("http.requests", 0) / max(1.0, seconds)
            at = (int(period["period"]) - first) // 1000
            yield Point(at, rate, times["p50"], times["p95"], times["p99"])
