"""Finds and ends what an earlier run left behind: servers of a folder whose starter was killed.

Every process of a server carries the folder's mark in its command line (PostgreSQL: cluster_name, Valkey: the process
title), so that the servers' own pid files, which may name a stranger after a reboot, need not be believed.
"""

import hashlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from app.embedded.errors import EmbeddedError

_PROC = Path("/proc")
_POLL_SECONDS = 0.005
_KILL_SECONDS = 10.0


def mark_of(folder: Path) -> str:
    """The same for the same folder, another one in another container that shares our process table."""
    root = Path("/").stat()
    key = f"{folder.resolve()}\n{root.st_dev}:{root.st_ino}"
    return "feature-api-" + hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def find(program: str, mark: str) -> dict[int, str]:
    """Command lines by id of this program's living processes that carry the mark; zombies have none."""
    named = re.compile(rf"(?:^|/){re.escape(program)}[: ]")
    return {pid: command for pid, command in _commands() if mark in command and named.search(command)}


def command_of(pid: int) -> str:
    """The command line of a living process, else nothing."""
    return next((command for other, command in _commands() if other == pid), "")


def directory_of(pid: int) -> Path | None:
    """The working folder of a process, where the system tells it (Linux)."""
    try:
        return _PROC.joinpath(str(pid), "cwd").readlink()
    except OSError:
        return None


def stop(program: str, mark: str, polite: signal.Signals, seconds: float) -> None:
    """Asks the marked server to stop, and kills what of it is still there after so many seconds."""
    deadline = time.monotonic() + seconds
    # A title "postgres: …" is a child's. Children alone have lost their server and wait for nothing but the kill.
    servers = [pid for pid, command in find(program, mark).items() if not command.startswith(f"{program}:")]
    for pid in servers:
        _send(pid, polite)
    while servers and find(program, mark) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    kill(program, mark)


def kill(program: str, mark: str) -> None:
    """Kills every marked process and returns when none is left."""
    deadline = time.monotonic() + _KILL_SECONDS
    while found := find(program, mark):
        for pid in found:
            _send(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            pids = " ".join(map(str, found))
            raise EmbeddedError(f"{program} of an earlier run cannot be ended: end it with `kill -9 {pids}`.")
        time.sleep(_POLL_SECONDS)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it ended between the look and the signal
    except PermissionError as error:
        raise EmbeddedError(
            f"Process {pid} of an earlier run belongs to another user: stop it as that user, or as root."
        ) from error


def _commands() -> Iterator[tuple[int, str]]:
    if not _PROC.joinpath("self", "cmdline").exists():  # macOS
        listing = subprocess.run(["/bin/ps", "-axww", "-o", "pid=,command="], capture_output=True, check=True)
        for line in listing.stdout.decode("utf-8", "replace").splitlines():
            pid, _, command = line.strip().partition(" ")
            yield int(pid), command.strip()
        return
    for entry in _PROC.iterdir():
        name = entry.name
        if name.isdigit():
            try:
                command_line = _PROC.joinpath(name, "cmdline").read_bytes()
            except OSError:
                continue  # it ended, or is hidden from us, and then not ours
            yield int(name), command_line.replace(b"\0", b" ").decode("utf-8", "replace").strip()
