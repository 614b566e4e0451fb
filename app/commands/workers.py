"""Several processes behind one listening socket: starts them, replaces one that dies, and stops them together.

The socket is made here and inherited, so that connections that wait in its queue outlive a worker that ends.
"""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from app.telemetry.shared import SHARED_METRICS, forget_process

log = structlog.get_logger()

BACKLOG = 2048  # connections that wait to be taken
AT_ONCE = 1.0  # seconds: a worker that is killed so soon would be killed again


class Workers:
    """`command` is given the number of the file that is the socket. Call `run` in the main thread."""

    def __init__(self, count: int, command: Callable[[int], list[str]], environment: Mapping[str, str]) -> None:
        self._count, self._command, self._environment = count, command, environment
        self._running: dict[int, tuple[subprocess.Popen[bytes], float]] = {}
        self._stopping = False

    def run(self, listener: socket.socket) -> int:
        """Until SIGTERM or SIGINT, which each of them is told; 1 where one could not start."""
        status = 0
        with tempfile.TemporaryDirectory(prefix="feature-api-metrics-") as folder:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda number, frame: self._stop())
            for _ in range(self._count):
                self._start(listener, folder)
            while self._running:
                pid, status_of = os.wait()
                if pid not in self._running:
                    continue  # whatever else became a child of ours: process 1 of a container inherits all
                ended, began = self._running.pop(pid)
                ended.returncode = os.waitstatus_to_exitcode(status_of)
                forget_process(pid, Path(folder))
                if self._stopping:
                    continue
                if ended.returncode > 0 or time.monotonic() - began < AT_ONCE:
                    log.error("a worker ended by itself, and would again: all stop", pid=pid, status=ended.returncode)
                    status = 1
                    self._stop()
                else:
                    log.error("a worker died, and another takes its place", pid=pid, status=ended.returncode)
                    self._start(listener, folder)
        return status

    def _start(self, listener: socket.socket, folder: str) -> None:
        number = listener.fileno()
        environment = {**self._environment, SHARED_METRICS: folder}
        process = subprocess.Popen(self._command(number), env=environment, pass_fds=[number])
        self._running[process.pid] = (process, time.monotonic())
        if self._stopping:  # the signal came while it was being made
            process.send_signal(signal.SIGTERM)

    def _stop(self) -> None:
        self._stopping = True
        for pid in list(self._running):
            with suppress(ProcessLookupError):  # it ended by itself, and `run` is about to hear of it
                os.kill(pid, signal.SIGTERM)


def listening(host: str, port: int) -> socket.socket:
    """Raises OSError where the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
