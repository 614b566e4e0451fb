"""Mutations on users: arguments -> service -> payload."""

from typing import Annotated, cast

import strawberry

from app.domain.user.inputs import ABSENT, Absent, UserDraft, UserPatch
from app.kernel.actor import Role
from app.kernel.ids import UserId, key_of
from app.resolvers.written import INPUT, written
from app.schema import user_mutation as m
from app.schema.words import Info, mutation_field


@strawberry.type
class UserMutation:
    @mutation_field(m.CreateUserPayload, "Creates a user, without a password. For administrators, as all below.")
    async def create_user(self, info: Info, input: Annotated[m.CreateUserInput, INPUT]) -> m.UserWritten:
        draft = UserDraft(input.name, input.email, cast(Role, input.role.name))
        write = info.context.administration.create(draft)
        return await written(info.context, m.UserWritten, write, input.client_mutation_id)

    @mutation_field(m.UpdateUserPayload, "Changes a user's name or email.")
    async def update_user(self, info: Info, input: Annotated[m.UpdateUserInput, INPUT]) -> m.UserWritten:
        patch = UserPatch(_patched(input.name), _patched(input.email))
        write = info.context.administration.update(_key(input.user_id), patch)
        return await written(info.context, m.UserWritten, write, input.client_mutation_id)

    @mutation_field(m.ChangeUserRolePayload, "Gives a user another role; it takes effect within 30 s everywhere.")
    async def change_user_role(self, info: Info, input: Annotated[m.ChangeUserRoleInput, INPUT]) -> m.UserWritten:
        write = info.context.administration.change_role(_key(input.user_id), cast(Role, input.role.name))
        return await written(info.context, m.UserWritten, write, input.client_mutation_id)

    @mutation_field(
        m.DisableUserPayload, "Disables a user: its tokens are refused within 30 s everywhere, what it owns stays."
    )
    async def disable_user(self, info: Info, input: Annotated[m.DisableUserInput, INPUT]) -> m.UserWritten:
        write = info.context.administration.disable(_key(input.user_id))
        return await written(info.context, m.UserWritten, write, input.client_mutation_id)

    @mutation_field(m.EnableUserPayload, "Enables a user again.")
    async def enable_user(self, info: Info, input: Annotated[m.EnableUserInput, INPUT]) -> m.UserWritten:
        write = info.context.administration.enable(_key(input.user_id))
        return await written(info.context, m.UserWritten, write, input.client_mutation_id)


def _key(id: strawberry.ID) -> UserId:
    return UserId(key_of("User", id, ("input", "userId")))


def _patched(field: str | None) -> str | None | Absent:
    return ABSENT if field is strawberry.UNSET else field
