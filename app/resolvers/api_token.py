"""Mutations on API tokens: arguments -> service -> payload."""

from typing import Annotated

import strawberry

from app.domain.api_token.model import TokenDraft
from app.kernel.errors import DomainError
from app.kernel.ids import ApiTokenId, UserId, key_of
from app.resolvers.feature import INPUT
from app.schema import api_token_mutation as m
from app.schema.api_token import SCOPE_OF, TokenKind
from app.schema.errors import failures
from app.schema.words import Info, given, mutation_field


@strawberry.type
class ApiTokenMutation:
    @mutation_field(m.CreateApiTokenPayload, "Makes an API token, and shows its text this one time.")
    async def create_api_token(self, info: Info, input: Annotated[m.CreateApiTokenInput, INPUT]) -> m.TokenWritten:
        echo, kind, user_id = given(input.client_mutation_id), given(input.kind), given(input.user_id)
        draft = TokenDraft(
            input.name,
            tuple(SCOPE_OF[scope.name] for scope in input.scopes),
            input.expires_at,
            None if user_id is None else UserId(key_of("User", user_id, ("input", "userId"))),
            "SERVICE" if kind is TokenKind.SERVICE else "PERSONAL",
        )
        try:
            created = await info.context.api_token.create(draft)
            return m.TokenWritten(created.token, [], echo, created.secret)
        except DomainError as error:
            return m.TokenWritten(None, failures(error), echo)
        finally:
            info.context.memo.clear()

    @mutation_field(m.RevokeApiTokenPayload, "Revokes an API token: within 30 seconds nobody takes it any more.")
    async def revoke_api_token(self, info: Info, input: Annotated[m.RevokeApiTokenInput, INPUT]) -> m.TokenWritten:
        id, echo = ApiTokenId(key_of("ApiToken", input.id, ("input", "id"))), given(input.client_mutation_id)
        try:
            return m.TokenWritten(await info.context.api_token.revoke(id), [], echo)
        except DomainError as error:
            return m.TokenWritten(None, failures(error), echo)
        finally:
            info.context.memo.clear()
