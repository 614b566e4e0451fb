"""A PostgreSQL data folder: made whole or not at all, with its roles and database; it must not be a running server's.

It stands in the server's folder as `data`; where PostgreSQL's user cannot reach that, `data` is a link to where it is.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.embedded import home, strays
from app.embedded.account import Account
from app.embedded.binaries import POSTGRES_MAJOR
from app.embedded.daemon import environment
from app.embedded.errors import EmbeddedError

SUPERUSER = "postgres"
OWNER = "feature_api_owner"
APP = "feature_api_app"
DATABASE = "feature_api"

_ACCESS = "host all all 127.0.0.1/32 scram-sha-256\n"
_MAKE = (
    f"CREATE ROLE {OWNER} LOGIN CREATEDB CREATEROLE",
    f"CREATE ROLE {APP} LOGIN",
    # What PostgreSQL gives to a role's creator: the owner may grant the app role, also to itself, but is not in it.
    f"GRANT {APP} TO {OWNER} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
    f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
)
_SECONDS = 120


def make(folder: Path, account: Account, programs: Path, passwords: Mapping[str, str], *, durable: bool) -> None:
    """Makes `folder/data`. Until its last step it has another name: a crash leaves rubbish, never half of it."""
    data = folder / "data"
    sweep(folder)
    outside = not account.reaches(folder)
    place = home.shared(lasting=durable) if outside else folder
    staging = Path(tempfile.mkdtemp(prefix=_key(folder) if outside else "data.new-", dir=place))
    account.give(staging)
    initdb: list[str | Path] = [programs / "initdb", "-D", staging, "-U", SUPERUSER, "-A", "reject", "-E", "UTF8"]
    # C for the libc's part: a macOS without the locale C.UTF-8 has PostgreSQL's own all the same.
    initdb += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    _run(initdb if durable else [*initdb, "--no-sync"], account)
    (staging / "pg_hba.conf").write_text(_ACCESS, "ascii")
    _execute(staging, account, programs, [*_MAKE, *_password_statements(passwords)], strays.mark_of(folder))
    if outside:
        data.unlink(missing_ok=True)  # a link whose data is gone
        data.symlink_to(staging)
    else:
        staging.rename(data)


def reset_passwords(folder: Path, account: Account, programs: Path, passwords: Mapping[str, str]) -> None:
    """Sets the passwords of existing data, whose file of passwords was lost."""
    data = (folder / "data").resolve()
    _execute(data, account, programs, _password_statements(passwords), strays.mark_of(folder))


def exists(folder: Path, account: Account) -> bool:
    """Whether the folder has data; raises EmbeddedError when this server or this user cannot use them."""
    data = folder / "data"
    if not data.exists():
        return False
    if account.uid is None and data.stat().st_uid != os.geteuid():
        raise EmbeddedError(f"{data} belongs to another user: run as that user or as root, or delete {folder}.")
    version = (data / "PG_VERSION").read_text("ascii").strip()
    if version != str(POSTGRES_MAJOR):
        raise EmbeddedError(
            f"{data} is of PostgreSQL {version}, and version {POSTGRES_MAJOR} is installed: "
            f"delete {folder} to start anew, or carry the data over with pg_dump of version {version}."
        )
    if not account.reaches(data.resolve()):
        raise EmbeddedError(
            f"User {account.name}, who runs PostgreSQL, cannot enter {data}: open the folders above it."
        )
    return True


def forget_pid_file(folder: Path) -> None:
    """Removes what a killed server left, once none of ours runs; raises EmbeddedError if one is not ours.

    PostgreSQL would refuse to start when the number in it now belongs to a stranger, or to a zombie that nobody reaps.
    """
    data = (folder / "data").resolve()
    file = data / "postmaster.pid"
    try:
        pid = abs(int(file.read_text("utf-8").split()[0]))
    except FileNotFoundError:
        return
    except (ValueError, IndexError):
        pid = 0  # cut short by a power failure
    command = strays.command_of(pid)
    if "postgres" in command and (str(data) in command or strays.directory_of(pid) == data):
        raise EmbeddedError(
            f"PostgreSQL, started by hand as process {pid}, uses {data}: stop it with `kill -INT {pid}`."
        )
    file.unlink()


def sweep(folder: Path) -> None:
    """Removes what an interrupted `make` left."""
    kept = (folder / "data").resolve()
    rubbish = [*folder.glob("data.new-*")]
    if os.geteuid() == 0:
        rubbish += [path for place in home.places() for path in place.glob(f"{_key(folder)}*") if path != kept]
    for path in rubbish:
        shutil.rmtree(path, ignore_errors=True)


def remove(folder: Path) -> None:
    """Deletes the folder, and the data outside of it."""
    data = folder / "data"
    if data.is_symlink():
        shutil.rmtree(data.resolve(), ignore_errors=True)
        data.unlink()
    sweep(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _key(folder: Path) -> str:
    path = str(folder.resolve()).encode("utf-8", "surrogateescape")
    return f"data-{hashlib.sha256(path).hexdigest()[:12]}-"


def _password_statements(passwords: Mapping[str, str]) -> list[str]:
    # The passwords are token_urlsafe: nothing in them needs quoting.
    return [f"ALTER ROLE {role} PASSWORD '{password}'" for role, password in passwords.items()]


def _execute(data: Path, account: Account, programs: Path, statements: Sequence[str], mark: str) -> None:
    """Runs statements without a server and a network: nobody can come in before the passwords are set."""
    command: list[str | Path] = [programs / "postgres", "--single", "-D", data, "-c", "exit_on_error=on"]
    command += ["-c", f"cluster_name={mark}", "-c", "listen_addresses=", SUPERUSER]
    _run(command, account, "".join(f"{statement}\n" for statement in statements))


def _run(command: Sequence[str | Path], account: Account, text: str = "") -> None:
    try:
        done = subprocess.run(
            [str(part) for part in command],
            user=account.uid,
            group=account.gid,
            extra_groups=account.groups,
            cwd="/",
            env=environment(),
            umask=0o077,
            input=text.encode("utf-8"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EmbeddedError(f"{command[0]} took more than {_SECONDS} s: try again when the machine is idle.") from error
    if done.returncode != 0:
        lines = done.stdout.decode("utf-8", "replace").strip().splitlines() or [f"exit code {done.returncode}"]
        grave = [line.strip() for line in lines if "FATAL" in line or "error" in line.lower()]
        raise EmbeddedError(f"PostgreSQL's data cannot be made: {(grave or lines)[-1]} Mend that, and start again.")
