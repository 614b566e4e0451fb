"""A place that PostgreSQL's user reaches, for when we are root and the project's folder is not one."""

import os
import stat
from pathlib import Path

from app.embedded.errors import EmbeddedError

# Not the temporary folders first: they are swept of old files one by one, and half a database is worse than none.
LASTING = ("/var/lib", "/var/tmp")
PASSING = ("/var/tmp",)
_NAME = "feature-api"


def shared(*, lasting: bool) -> Path:
    """Root's folder, open to all for passing through; raises EmbeddedError when it is another's."""
    parents = LASTING if lasting else PASSING
    parent = next((Path(path) for path in parents if os.access(path, os.W_OK | os.X_OK)), None)
    if parent is None:
        raise EmbeddedError(f"Root can write to none of {', '.join(parents)}: mend that, or run as a plain user.")
    folder = parent / _NAME
    folder.mkdir(exist_ok=True)
    found = folder.lstat()
    # /var/tmp is everybody's: a folder or a link laid there by another user would give that user our data.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise EmbeddedError(f"{folder} was made by another user: remove it.")
    folder.chmod(0o755)
    return folder


def places() -> list[Path]:
    """The folders that `shared` may have made."""
    return [Path(parent, _NAME) for parent in LASTING]
