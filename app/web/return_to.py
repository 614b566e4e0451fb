"""Where a browser goes after a login: a path of this server, whatever it was asked for."""

import re

from app.kernel.errors import InvalidInput, Problem

LONGEST = 1_000  # characters
# ASCII without spaces and control characters, which browsers drop, and without backslashes, which they read as slashes;
# two slashes at the start would name another host.
PATH = re.compile(r"/(?!/)[!-\[\]-~]*", re.ASCII)


def return_path(text: str) -> str:
    """Raises InvalidInput."""
    if len(text) > LONGEST or not PATH.fullmatch(text):
        message = f"`return_to` must be a path of this server, such as /graphql, of at most {LONGEST} characters."
        raise InvalidInput([Problem(("return_to",), "FORMAT", message)])
    return text
