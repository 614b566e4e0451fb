"""Who asks, and how far a permission reaches (behaviour: deny unless granted)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Literal
from uuid import UUID

from app.kernel.errors import Forbidden, Unauthenticated
from app.kernel.ids import SessionId, UserId

type Role = Literal["ADMIN", "MANAGER", "USER", "VIEWER"]
type Scope = Literal[  # what an API token may be narrowed to: the names of all permissions
    "features:read",
    "features:create",
    "features:update",
    "features:archive",
    "features:delete",
    "features:restore",
    "features:revert",
    "audit:read",
    "users:read",
    "users:write",
    "tokens:own",
    "security_events:read",
]

NOBODY = UserId(UUID(int=0))  # owns nothing: ids of users are of version 7


class Reach(IntEnum):
    """On whose objects a permission may be used."""

    NONE = 0
    OWN = 1
    ANY = 2


@dataclass(frozen=True, slots=True)
class Grants:
    """A permission: its name, and its reach by role; a role that is not there has none."""

    scope: Scope
    by_role: Mapping[Role, Reach]


@dataclass(frozen=True, slots=True)
class Actor:
    """A user who has shown a valid token, a guest (all None), or OPERATOR. `scopes` and `expires_at`: what an
    API token narrows the role to, and when it ends; None: all that the role may. `session_id` where the token came of a
    login."""

    user_id: UserId | None = None
    role: Role | None = None
    scopes: frozenset[str] | None = None
    expires_at: datetime | None = None
    session_id: SessionId | None = None

    def reach(self, grants: Grants) -> Reach:
        if self.role is None or (self.scopes is not None and grants.scope not in self.scopes):
            return Reach.NONE  # not by `lacks`: this is asked for every row
        return grants.by_role.get(self.role, Reach.NONE)

    def may(self, grants: Grants, owner_id: UserId) -> bool:
        """Does the permission reach an object of that owner?"""
        reach = self.reach(grants)
        return reach is Reach.ANY or (reach is Reach.OWN and owner_id == self.user_id)

    def visible_to(self, grants: Grants) -> UserId | None:
        """Whose objects the permission reaches; None: anybody's. Raises Unauthenticated for a guest."""
        user_id, reach = self.entered(), self.reach(grants)
        if reach is Reach.ANY:
            return None
        return user_id if reach is Reach.OWN and user_id is not None else NOBODY

    def widest(self, permissions: Iterable[Grants]) -> UserId | None:
        """Whose objects the widest of the permissions reaches; None: anybody's. A guest's reach nobody's."""
        reach = max(map(self.reach, permissions))
        if reach is Reach.ANY:
            return None
        return NOBODY if self.user_id is None or reach is Reach.NONE else self.user_id

    def lacks(self, grants: Grants) -> bool:
        """Is it the token that withholds the permission, whatever the role?"""
        return self.scopes is not None and grants.scope not in self.scopes

    def refusal(self, grants: Grants, message: str) -> Forbidden:
        """With the message, or, where the token lacks the scope, with that: it tells nothing of any object."""
        text = f"The token lacks the scope {grants.scope}." if self.lacks(grants) else message
        return Forbidden(text, grants.scope)

    def known(self) -> UserId:
        """The user's id. Raises Unauthenticated for a guest."""
        if self.user_id is None:
            raise Unauthenticated
        return self.user_id

    def entered(self) -> UserId | None:
        """The user's id; None for the operator. Raises Unauthenticated for a guest."""
        return self.known() if self.role is None else self.user_id


GUEST = Actor()
OPERATOR = Actor(role="ADMIN")  # whoever runs the server, at its command line: no user, so no actor in the trail
