"""A server's folder: made, held by one run at a time, and keeper of the passwords; it knows nothing of the server."""

import fcntl
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.embedded.errors import EmbeddedError

_PASSWORD_BYTES = 24


class Folder:
    """A folder that one process holds from `hold` to `release`; the kernel releases it when that process dies."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    def hold(self) -> None:
        """Makes the folder if need be and takes its lock; raises EmbeddedError when it is another's or unwritable."""
        if self._lock is not None:
            return
        lock = -1
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
            os.close(lock)
            raise EmbeddedError(
                f"{self.path} is in use by process {holder or 'unknown'}: stop that one, or choose another folder."
            ) from error
        except OSError as error:
            if lock >= 0:
                os.close(lock)
            raise unwritable(self.path, error) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode("ascii"), 0)
        self._lock = lock

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def passwords(self, names: Sequence[str]) -> dict[str, str] | None:
        """The passwords kept in the file of mode 0600; None when it has none for just these names."""
        file = self.path / "passwords.json"
        try:
            kept: dict[str, str] = json.loads(file.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise EmbeddedError(f"{file} is damaged: delete it, and new passwords are set.") from error
        return kept if sorted(kept) == sorted(names) else None

    def keep_passwords(self, passwords: Mapping[str, str]) -> None:
        write_private(self.path / "passwords.json", json.dumps(passwords))


def new_passwords(names: Sequence[str]) -> dict[str, str]:
    return {name: secrets.token_urlsafe(_PASSWORD_BYTES) for name in names}


def unwritable(path: Path, error: OSError) -> EmbeddedError:
    return EmbeddedError(
        f"{path} cannot be written ({error.strerror}): make it writable for this user, delete it, or choose another."
    )


def write_private(file: Path, text: str) -> None:
    """Replaces the file in one step, readable by its owner only."""
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        # Passwords that a power cut loses would lock the owner out of data that it does not lose.
        os.fsync(descriptor)
    fresh.replace(file)
