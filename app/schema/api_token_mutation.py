"""Inputs and payloads of the mutations on API tokens."""

from dataclasses import field
from datetime import datetime

import strawberry

from app.domain.api_token import model
from app.engine.declare import Describes
from app.kernel.value import value
from app.schema.api_token import ApiToken, TokenKind, TokenScope
from app.schema.errors import UserError
from app.schema.failure import Failure
from app.schema.mutation import ECHO
from app.schema.words import ABSENT


@value
class TokenWritten:
    """What a mutation hands to its payload: the token, or why there is none."""

    api_token: model.ApiToken | None
    user_errors: list[Failure]
    client_mutation_id: str | None
    secret: str | None = field(default=None, repr=False)


written = Describes(TokenWritten)


@strawberry.input(description="An API token to make.")
class CreateApiTokenInput:
    name: str = strawberry.field(description="What it is for: 1 to 255 characters; spaces around it are dropped.")
    scopes: list[TokenScope] = strawberry.field(description="What it may do, at least one.")
    expires_at: datetime = strawberry.field(description="When it ends: a year from now at most, if not set otherwise.")
    kind: TokenKind | None = strawberry.field(default=ABSENT, description="Absent: PERSONAL.")
    user_id: strawberry.ID | None = strawberry.field(
        default=ABSENT, description="Whom it acts as; absent: you. Others only for administrators, as SERVICE."
    )
    client_mutation_id: str | None = strawberry.field(default=ABSENT, description=ECHO)


@strawberry.input(description="An API token to revoke.")
class RevokeApiTokenInput:
    id: strawberry.ID = strawberry.field(description="Which token.")
    client_mutation_id: str | None = strawberry.field(default=ABSENT, description=ECHO)


@written.type
class CreateApiTokenPayload:
    """What became of `createApiToken`."""

    api_token: ApiToken | None = written.value("The token; null where `userErrors` says why not.")
    secret: str | None = written.value("The token's text: keep it now, for it is never shown again.")
    user_errors: list[UserError] = written.value("Empty where it worked.")
    client_mutation_id: str | None = written.value("As it was sent.")


@written.type
class RevokeApiTokenPayload:
    """What became of `revokeApiToken`."""

    api_token: ApiToken | None = written.value("The token afterwards; null where `userErrors` says why not.")
    user_errors: list[UserError] = written.value("Empty where it worked.")
    client_mutation_id: str | None = written.value("As it was sent.")
