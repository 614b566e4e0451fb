"""Who may read whom, who may administer users, and what makes a user valid (R23)."""

import re
from collections.abc import Collection

from app.domain.user.model import User
from app.kernel.actor import Grants, Reach
from app.kernel.cleaning import clean_line
from app.kernel.errors import LastAdmin, Path, Problem
from app.kernel.ids import UserId

MAX_EMAIL = 254  # characters (RFC 5321 §4.5.3.1.3)
EMAIL = re.compile(r"[^\s@]+@[^\s@]+")  # whether it reaches anybody is found out by sending something

READ = Grants("users:read", {"VIEWER": Reach.OWN, "USER": Reach.OWN, "MANAGER": Reach.ANY, "ADMIN": Reach.ANY})
WRITE = Grants("users:write", {"ADMIN": Reach.ANY})  # and to read what was written


def clean_email(email: str | None, problems: list[Problem]) -> str:
    """As it was written but for spaces around it; whether two are one is decided without regard to case."""
    found = len(problems)
    cleaned = clean_line("email", email, MAX_EMAIL, problems)
    if len(problems) == found and not EMAIL.fullmatch(cleaned):
        problems.append(Problem(("email",), "FORMAT", "`email` must be an address such as ada@example.com."))
    return cleaned


def check_administered(before: User, after: User, admins: Collection[UserId], path: Path) -> None:
    """Raises LastAdmin where nobody would be left among `admins`, those who are not disabled. One may step down
    oneself: another one is there, who may bring it back."""
    if before.administers and not after.administers and not set(admins) - {before.id}:
        raise LastAdmin(path)
