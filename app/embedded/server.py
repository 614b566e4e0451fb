"""What embedded servers have in common: a folder that one holds, a port that stays, a process that ends with ours."""

from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path

from app.embedded import strays
from app.embedded.daemon import Daemon
from app.embedded.folder import Folder, unwritable


class Server(ABC):
    """On 127.0.0.1 with its files in `folder`; one thread at a time may call it. `log_file` is its log."""

    def __init__(self, folder: Path, program: str, port: int | None) -> None:
        """`program`: its name, as the table of processes has it."""
        self._folder, self._program, self._port = Folder(folder), program, port
        self._daemon: Daemon | None = None

    def start(self) -> None:
        """Returns when the server answers, whatever the last run left; raises EmbeddedError."""
        if self._daemon is not None and self._daemon.alive():
            return
        with ExitStack() as undo:
            undo.callback(self._folder.release)
            undo.callback(self.kill)
            self._folder.hold()
            try:
                self._start()
            except OSError as error:
                raise unwritable(Path(error.filename or self._folder.path), error) from error
            undo.pop_all()

    def stop(self) -> None:
        """Ends all sessions and stops within ten seconds, else kills; then the folder is free for others."""
        if self._daemon is not None:
            self._daemon.stop()
            self.kill()
        self._folder.release()

    def kill(self) -> None:
        """Kills the server and its children as a crash would, for tests; `start` then starts it on the same port."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon = None
            strays.kill(self._program, self._mark())

    @abstractmethod
    def _start(self) -> None:
        """Begins with `kill`, for what is left of a server that ended by itself."""

    def _mark(self) -> str:
        return strays.mark_of(self._folder.path)
