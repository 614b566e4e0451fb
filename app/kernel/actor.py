"""Who asks, and how far a permission reaches (behaviour: deny unless granted)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from app.kernel.errors import Unauthenticated
from app.kernel.ids import UserId

type Role = Literal["ADMIN", "MANAGER", "USER", "VIEWER"]


class Reach(IntEnum):
    """On whose objects a permission may be used."""

    NONE = 0
    OWN = 1
    ANY = 2


type Grants = Mapping[Role, Reach]  # a role that is not in it has no reach


@dataclass(frozen=True, slots=True)
class Actor:
    """A user who has shown a valid token, or a guest (both fields None)."""

    user_id: UserId | None = None
    role: Role | None = None

    def reach(self, grants: Grants) -> Reach:
        return Reach.NONE if self.role is None else grants.get(self.role, Reach.NONE)

    def may(self, grants: Grants, owner_id: UserId) -> bool:
        """Does the permission reach an object of that owner?"""
        reach = self.reach(grants)
        return reach is Reach.ANY or (reach is Reach.OWN and owner_id == self.user_id)

    def known(self) -> UserId:
        """The user's id. Raises Unauthenticated for a guest."""
        if self.user_id is None:
            raise Unauthenticated
        return self.user_id


GUEST = Actor()
