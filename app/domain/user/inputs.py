"""What administrators send to create and to change a user, and what becomes of it under the rules."""

from dataclasses import dataclass, replace

from app.domain.user import rules
from app.domain.user.model import User
from app.kernel.actor import Role
from app.kernel.cleaning import clean_name, refuse
from app.kernel.errors import Problem


class Absent:
    """Not sent, which is not null."""


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class UserDraft:
    name: str
    email: str
    role: Role


@dataclass(frozen=True, slots=True)
class UserPatch:
    """A field that is ABSENT stays as it is; null is refused."""

    name: str | None | Absent = ABSENT
    email: str | None | Absent = ABSENT


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A patch that keeps the rules; ABSENT as before."""

    name: str | Absent
    email: str | Absent

    def applied_to(self, user: User) -> User:
        if not isinstance(self.name, Absent):
            user = replace(user, name=self.name)
        if not isinstance(self.email, Absent):
            user = replace(user, email=self.email)
        return user


def clean(patch: UserPatch) -> Cleaned:
    """Raises InvalidInput with every field that breaks a rule."""
    problems: list[Problem] = []
    cleaned = Cleaned(
        ABSENT if isinstance(patch.name, Absent) else clean_name(patch.name, problems),
        ABSENT if isinstance(patch.email, Absent) else rules.clean_email(patch.email, problems),
    )
    refuse(problems)
    return cleaned
