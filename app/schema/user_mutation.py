"""Inputs and payloads of the mutations on users (Relay: one input, one payload, each with clientMutationId)."""

import strawberry

from app.domain.user import model
from app.engine.declare import Describes
from app.kernel.value import value
from app.schema.errors import UserError
from app.schema.failure import Failure
from app.schema.mutation import ECHO
from app.schema.user import Role, User
from app.schema.words import ABSENT


@value
class UserWritten:
    """What a mutation hands to its payload: the user, or why there is none."""

    user: model.User | None
    user_errors: list[Failure]
    client_mutation_id: str | None


written = Describes(UserWritten)


@strawberry.input(description="A user to create, who has no password yet.")
class CreateUserInput:
    name: str = strawberry.field(description="1 to 255 characters; spaces around it are dropped.")
    email: str = strawberry.field(description="At most 254 characters; unique among all users.")
    role: Role = strawberry.field(description="What this user may do.")
    client_mutation_id: str | None = strawberry.field(default=ABSENT, description=ECHO)


@strawberry.input(description="A change of a user; a field that is absent stays as it is.")
class UpdateUserInput:
    user_id: strawberry.ID = strawberry.field(description="Which user.")
    name: str | None = strawberry.field(default=ABSENT, description="A new name; must not be null.")
    email: str | None = strawberry.field(default=ABSENT, description="A new email; must not be null.")
    client_mutation_id: str | None = strawberry.field(default=ABSENT, description=ECHO)


@strawberry.input(description="A user to give another role.")
class ChangeUserRoleInput:
    user_id: strawberry.ID = strawberry.field(description="Which user.")
    role: Role = strawberry.field(description="What this user may do from now on.")
    client_mutation_id: str | None = strawberry.field(default=ABSENT, description=ECHO)


@strawberry.input
class UserActInput:
    """What the inputs of acts on users have in common; it is no type of the schema itself."""

    user_id: strawberry.ID = strawberry.field(description="Which user.")
    client_mutation_id: str | None = strawberry.field(default=ABSENT, description=ECHO)


@strawberry.input(description="A user to disable: its tokens are refused, what it owns stays.")
class DisableUserInput(UserActInput):
    pass


@strawberry.input(description="A user to enable again.")
class EnableUserInput(UserActInput):
    pass


@strawberry.type
class UserPayload:
    """What all payloads have in common; it is no type of the schema itself."""

    user: User | None = written.value("The user afterwards; null where `userErrors` says why not.")
    user_errors: list[UserError] = written.value("Empty where it worked.")
    client_mutation_id: str | None = written.value("As it was sent.")


@written.type
class CreateUserPayload(UserPayload):
    """What became of `createUser`."""


@written.type
class UpdateUserPayload(UserPayload):
    """What became of `updateUser`."""


@written.type
class ChangeUserRolePayload(UserPayload):
    """What became of `changeUserRole`."""


@written.type
class DisableUserPayload(UserPayload):
    """What became of `disableUser`."""


@written.type
class EnableUserPayload(UserPayload):
    """What became of `enableUser`."""
