"""Mutations on API tokens: arguments -> service -> payload."""

from typing import Annotated

import strawberry

from app.domain.api_token.model import CreatedToken, TokenDraft
from app.kernel.ids import ApiTokenId, UserId, key_of
from app.resolvers.written import INPUT, written
from app.schema import api_token_mutation as m
from app.schema.api_token import SCOPE_OF, TokenKind
from app.schema.failure import Failure
from app.schema.words import Info, given, mutation_field


@strawberry.type
class ApiTokenMutation:
    @mutation_field(m.CreateApiTokenPayload, "Makes an API token, and shows its text this one time.")
    async def create_api_token(self, info: Info, input: Annotated[m.CreateApiTokenInput, INPUT]) -> m.TokenWritten:
        kind, user_id = given(input.kind), given(input.user_id)
        draft = TokenDraft(
            input.name,
            tuple(SCOPE_OF[scope.name] for scope in input.scopes),
            input.expires_at,
            None if user_id is None else UserId(key_of("User", user_id, ("input", "userId"))),
            "SERVICE" if kind is TokenKind.SERVICE else "PERSONAL",
        )
        return await written(info.context, _created, info.context.api_token.create(draft), input.client_mutation_id)

    @mutation_field(m.RevokeApiTokenPayload, "Revokes an API token: within 30 seconds nobody takes it any more.")
    async def revoke_api_token(self, info: Info, input: Annotated[m.RevokeApiTokenInput, INPUT]) -> m.TokenWritten:
        write = info.context.api_token.revoke(ApiTokenId(key_of("ApiToken", input.id, ("input", "id"))))
        return await written(info.context, m.TokenWritten, write, input.client_mutation_id)


def _created(created: CreatedToken | None, errors: list[Failure], echo: str | None) -> m.TokenWritten:
    if created is None:
        return m.TokenWritten(None, errors, echo)
    return m.TokenWritten(created.token, errors, echo, created.secret)
