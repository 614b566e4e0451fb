"""One server process of ours: launched apart from the terminal, waited for, ended; it knows no server's protocol.

When we are killed with -9 nobody tells the servers. So a `leash`, a shell that waits for the end of a pipe from us,
asks the server to stop. PR_SET_PDEATHSIG would do less: it is Linux only, and strikes when the starting thread ends.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from app.embedded.account import Account
from app.embedded.errors import EmbeddedError

_POLL_SECONDS = 0.003
_STOP_SECONDS = 10.0
_LEASH = 'trap "" HUP INT QUIT TERM; read -r _; kill -s "$1" "$2"'


class DiedError(Exception):
    """The server ended before it was ready."""


class Daemon:
    """A running server process. `polite` is the signal that asks it for an orderly stop."""

    def __init__(
        self, command: Sequence[str | Path], *, account: Account, folder: str | Path, log: Path, polite: signal.Signals
    ) -> None:
        self._polite = polite
        with suppress(FileNotFoundError):
            log.replace(log.with_suffix(".old.log"))  # two runs are kept, so that it does not grow for ever
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # A session of its own: Ctrl-C at the terminal must reach us only, who then stop the servers in order.
            self._process = subprocess.Popen(
                [str(part) for part in command],
                user=account.uid,
                group=account.gid,
                extra_groups=account.groups,
                cwd=folder,
                env=environment(),
                umask=0o077,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise EmbeddedError(f"{command[0]} cannot be run ({error.strerror}): install the wheels again.") from error
        finally:
            os.close(descriptor)
        try:
            self._leash = subprocess.Popen(
                ["/bin/sh", "-c", _LEASH, "feature-api-leash", polite.name.removeprefix("SIG"), str(self.pid)],
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            self._process.kill()
            self._process.wait()
            raise EmbeddedError(f"/bin/sh cannot be run ({error.strerror}): make room for processes.") from error

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Returns once ready; raises DiedError, or TimeoutError after so many seconds."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.alive():
                raise DiedError
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """An orderly end within ten seconds, else a kill."""
        self._unleash()
        if self.alive():
            self._process.send_signal(self._polite)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Kills the server itself and reaps it; its children are for `strays` to find."""
        self._unleash()
        self._process.kill()
        self._process.wait()

    def _unleash(self) -> None:
        # Always before the server is reaped: after that its number may be another process's.
        self._leash.kill()
        self._leash.wait()
        if self._leash.stdin is not None:
            self._leash.stdin.close()


def environment() -> dict[str, str]:
    """Ours, without what would change a server's behaviour: PGPORT and its like, locales, time zone."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG", "TZ"))}
    return {**ours, "LC_ALL": "C"}


def last_words(log: Path) -> str:
    """The line of the log that best says why the server ended."""
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    grave = [line for line in lines if "FATAL" in line or "PANIC" in line or "error" in line.lower()]
    return (grave or lines or ["it wrote nothing"])[-1]
