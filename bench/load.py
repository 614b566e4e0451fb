"""Load by wrk: sixteen connections for some seconds, from the core that the server does not have."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench.contenders import BenchError
from bench.machine import on_core
from bench.request import Request
from bench.serve import Running

CONNECTIONS = 16
SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Load:
    """What wrk saw; times in milliseconds."""

    requests: int
    seconds: float
    bytes: int
    p50: float
    p99: float


def find_wrk() -> str:
    """Raises BenchError."""
    found = shutil.which("wrk")
    if found is None:
        raise BenchError("wrk is missing, which makes the load: apt-get install wrk")
    return found


def load(running: Running, requests: Sequence[Request], seconds: int, start: int = 0) -> Load:
    """`start`: the number that the first request's comes after. Raises BenchError where a request failed."""
    file = running.stage.folder / "requests"
    file.write_bytes(b"".join(request.line + b"\n" for request in requests))
    file.chmod(0o600)
    command = [find_wrk(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s", "--latency"]
    command += ["-s", str(SCRIPT), running.url, "--", str(file), str(start)]
    ran = subprocess.run(on_core(running.stage.cores.others, command), capture_output=True, text=True, check=False)
    try:
        said = orjson.loads(ran.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise BenchError(f"wrk failed: {ran.stderr.strip() or ran.stdout.strip()}") from None
    if said["failed"] or not said["requests"]:
        raise BenchError(f"{running.contender.title} failed {said['failed']} of {said['requests']} requests.")
    return Load(said["requests"], said["microseconds"] / 1e6, said["bytes"], said["p50"] / 1000, said["p99"] / 1000)
