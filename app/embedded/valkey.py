"""A real Valkey of our own, for `make run` and the tests; it keeps nothing over a restart unless it is durable."""

import signal
import socket
from pathlib import Path

from app.embedded import binaries, ports, strays
from app.embedded.account import myself
from app.embedded.daemon import Daemon, DiedError, last_words
from app.embedded.errors import EmbeddedError
from app.embedded.folder import new_passwords, write_private
from app.embedded.server import Server

_PROGRAM = "valkey-server"
_ROLE = "default"
_READY_SECONDS = 30.0
_STOP_SECONDS = 5.0


class Valkey(Server):
    def __init__(self, folder: Path, *, port: int | None = None, durable: bool = False) -> None:
        """`durable`: what it acknowledged is on the disk, so that killing it loses nothing."""
        super().__init__(folder, _PROGRAM, port)
        self._keep = "appendonly yes\nappendfsync always\n" if durable else "appendonly no\n"
        self._password = ""
        self.log_file = self._folder.path / "valkey.log"

    @property
    def url(self) -> str:
        if self._port is None or not self._password:
            raise EmbeddedError("Valkey has no address yet: call start() first.")
        return f"redis://:{self._password}@{ports.HOST}:{self._port}/0"

    def _start(self) -> None:
        self.kill()
        strays.stop(_PROGRAM, self._mark(), signal.SIGTERM, _STOP_SECONDS)
        passwords = self._folder.passwords([_ROLE]) or new_passwords([_ROLE])
        self._folder.keep_passwords(passwords)
        self._password = passwords[_ROLE]
        if self._port is None:
            self._port = ports.launch_on_free_port(self._launch)
        else:
            ports.refuse_taken(self._port)
            self._launch(self._port)

    def _launch(self, number: int) -> None:
        title = f"{_PROGRAM} {self._mark()} {{listen-addr}}"
        # In a file, not in the command line, which every user of the machine can read.
        write_private(
            self._folder.path / "valkey.conf",
            f"bind {ports.HOST}\nport {number}\nrequirepass {self._password}\ndir ./\n"
            f'save ""\n{self._keep}maxmemory 256mb\nmaxmemory-policy volatile-lru\n',  # never the stream of events
        )
        command: list[str | Path] = [binaries.valkey_program(), "valkey.conf", "--proc-title-template", title]
        self._daemon = Daemon(
            command, account=myself(), folder=self._folder.path, log=self.log_file, polite=signal.SIGTERM
        )
        try:
            self._daemon.wait_until(lambda: _answers(number, self._password), _READY_SECONDS)
        except DiedError as error:
            self.kill()
            words = last_words(self.log_file)
            if "Address already in use" in self.log_file.read_text("utf-8", "replace"):
                raise ports.taken(number) from error
            raise EmbeddedError(f"Valkey ended at once: {words} See {self.log_file}.") from error
        except TimeoutError as error:
            raise EmbeddedError(f"Valkey was not ready after {_READY_SECONDS:.0f} s: see {self.log_file}.") from error


def _answers(number: int, password: str) -> bool:
    """Whether our server is there: a stranger's does not know the password."""
    try:
        with socket.create_connection((ports.HOST, number), timeout=1.0) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode("ascii"))
            with connection.makefile("rb") as replies:
                return [replies.readline(), replies.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
    except OSError:
        return False
