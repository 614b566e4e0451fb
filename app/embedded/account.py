"""The operating-system user that runs PostgreSQL, which refuses root; it must not be asked for anything else."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.embedded.errors import EmbeddedError

CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """Whom to become; all None: nobody else, we stay who we are."""

    name: str
    uid: int | None = None
    gid: int | None = None

    @property
    def groups(self) -> list[int] | None:
        # Root's supplementary groups must not go along.
        return None if self.uid is None else []

    def give(self, path: Path) -> None:
        """Makes the account the owner of the path."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether the account may enter the folder, or run the file."""
        if self.uid is None:
            return True
        command = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)]
        try:
            test = subprocess.run(
                command, user=self.uid, group=self.gid, extra_groups=self.groups, cwd="/", check=False, timeout=30
            )
        except OSError as error:
            raise EmbeddedError(
                f"Root cannot become user {self.name} here ({error.strerror}), and PostgreSQL refuses to run as root: "
                "run this as a plain user."
            ) from error
        return test.returncode == 0


def myself() -> Account:
    return Account(_name_of(os.geteuid()))


def account_for(data: Path) -> Account:
    """Ourselves, or when we are root: the owner of the data if there is one, else "postgres", else "nobody"."""
    if os.geteuid() != 0:
        return myself()
    if data.exists() and data.stat().st_uid != 0:
        # A plain user's data stays that user's, whoever started it last.
        owner = data.stat()
        return Account(_name_of(owner.st_uid), owner.st_uid, owner.st_gid)
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL refuses to run as root, and there is no user postgres or nobody: run as a plain user."
    )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
