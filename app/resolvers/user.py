"""Root fields about users: arguments -> service -> domain object."""

import strawberry

from app.domain.user import model
from app.domain.user.ports import UserPage
from app.schema.connection import After, Before, First, Last
from app.schema.user import User, UserConnection, user_page_request
from app.schema.words import ABSENT, Info, root_field


@strawberry.type
class UserQuery:
    @root_field(User | None, "Who you are; null for a guest.")
    async def viewer(self, info: Info) -> model.User | None:
        id = info.context.actor.user_id
        return None if id is None else (await info.context.user.get_many([id]))[0]

    @root_field(UserConnection, "The users whose data you may read, oldest first.")
    async def users(
        self,
        info: Info,
        first: First = ABSENT,
        after: After = ABSENT,
        last: Last = ABSENT,
        before: Before = ABSENT,
    ) -> UserPage:
        return await info.context.user.page(user_page_request(first, after, last, before))
