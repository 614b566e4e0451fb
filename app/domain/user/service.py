"""What the business does with users."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.user import rules
from app.domain.user.model import User, UserPageRequest, UserScope
from app.domain.user.ports import UserPage, Users
from app.kernel.actor import Actor, Reach
from app.kernel.ids import UserId


class UserService:
    def __init__(self, actor: Actor, users: Users) -> None:
        self._actor, self._users = actor, users
        self._sees_all = actor.reach(rules.READ) is Reach.ANY

    async def get_many(self, ids: Sequence[UserId]) -> list[User | None]:
        """One per id, in order, None where missing or invisible."""
        self._actor.known()
        visible = [id for id in ids if self._actor.may(rules.READ, id)]
        found = await self._users.fetch_by_ids(visible) if visible else {}
        return [found.get(id) for id in ids]

    async def get_many_named(self, ids: Sequence[UserId]) -> list[User | None]:
        """Like `get_many`, for users whom a visible object names (its owner, its actor): whoever sees the object sees
        whom it names, but an email only where the actor may read that user."""
        self._actor.known()
        found = await self._users.fetch_by_ids(ids)
        return [self.named(found.get(id)) for id in ids]

    def named(self, user: User | None) -> User | None:
        """The same, of a user who came along with the object."""
        if user is None or self._sees_all or self._actor.may(rules.READ, user.id):
            return user
        return replace(user, email=None, disabled_at=None)

    async def page(self, request: UserPageRequest) -> UserPage:
        """Users whom the actor may read, oldest first."""
        return await self._users.fetch_page(request, self._actor.visible_to(rules.READ))

    async def count_many(self, scopes: Sequence[UserScope]) -> list[int]:
        """One count per scope, in order."""
        return [await self._users.fetch_count(scope) for scope in scopes]
