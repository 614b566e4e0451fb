"""What the business does with API tokens: made, shown once, listed, revoked (R25)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from app.domain.api_token import rules
from app.domain.api_token.model import (
    ApiToken,
    CreatedToken,
    TokenDraft,
    TokenLimits,
    TokenPageRequest,
    TokenScope,
)
from app.domain.api_token.ports import ApiTokens, TokenPage
from app.domain.security_event.model import SecurityEvent, SecurityEventKind
from app.domain.security_event.ports import Announce
from app.kernel.actor import Actor, Reach
from app.kernel.cleaning import clean_name, refuse
from app.kernel.clock import Clock, NewId
from app.kernel.errors import NotFound, Problem
from app.kernel.ids import ApiTokenId, UserId, global_id
from app.kernel.secret import hash_of, hint_of, make_secret
from app.kernel.value import value

LETTERS: Mapping[str, str] = {"PERSONAL": "p", "SERVICE": "s"}


@value
class Means:
    """What tokens are made of and kept by, the same for all requests; `entropy` gives 256 random bits."""

    tokens: ApiTokens
    announce: Announce
    limits: TokenLimits
    now: Clock
    new_id: NewId
    entropy: Callable[[], bytes]


class ApiTokenService:
    """`address` is the caller's."""

    def __init__(self, actor: Actor, means: Means, request_id: str, address: str) -> None:
        self._actor, self._means, self._request_id, self._address = actor, means, request_id, address

    async def get_many(self, ids: Sequence[ApiTokenId]) -> list[ApiToken | None]:
        """One per id, in order, None where missing or invisible."""
        found = await self._means.tokens.fetch_by_ids(ids, self._actor.visible_to(rules.OWN))
        return [found.get(id) for id in ids]

    async def pages_of_users(self, ids: Sequence[UserId], request: TokenPageRequest) -> list[TokenPage]:
        """One page per user, in order, newest first; empty where the tokens are invisible."""
        found = await self._means.tokens.fetch_pages_of_users(ids, request, self._actor.visible_to(rules.OWN))
        return [found[id] for id in ids]

    async def count_many(self, scopes: Sequence[TokenScope]) -> list[int]:
        """One count per scope, in order. Scopes come with pages, so they carry the reach already."""
        found = await self._means.tokens.fetch_counts(scopes)
        return [found[scope] for scope in scopes]

    async def create(self, draft: TokenDraft) -> CreatedToken:
        """Raises Forbidden, InvalidInput, TokenLimitExceeded, or NotFound (user)."""
        means, actor_id = self._means, self._actor.known()
        user_id = actor_id if draft.user_id is None else draft.user_id
        rules.check_may_create(self._actor, user_id, draft.kind)
        now, problems = means.now(), list[Problem]()
        name = clean_name(draft.name, problems)
        scopes = rules.clean_scopes(draft.scopes, problems)
        rules.check_end(draft.expires_at, now, means.limits.days, problems)
        refuse(problems)
        rules.check_is_no_wider(self._actor, draft)
        secret = make_secret(LETTERS[draft.kind], means.entropy())
        token = ApiToken(
            id=ApiTokenId(means.new_id()),
            user_id=user_id,
            kind=draft.kind,
            name=name,
            scopes=list(scopes),
            hint=hint_of(secret),
            created_at=now,
            created_by=actor_id,
            expires_at=draft.expires_at,
            last_used_at=None,
            revoked_at=None,
        )
        event = self._event("TOKEN_CREATED", token, now)
        await means.tokens.add(token, hash_of(secret), means.limits.per_user, event)
        means.announce(event)
        return CreatedToken(token, secret)

    async def revoke(self, id: ApiTokenId) -> ApiToken:
        """The token afterwards; to revoke it again changes nothing. Raises Forbidden or NotFound."""
        visible_to = self._actor.visible_to(rules.OWN)
        if self._actor.reach(rules.OWN) is Reach.NONE:
            raise self._actor.refusal(rules.OWN, "You may not revoke tokens.")
        now = self._means.now()
        async with self._means.tokens.work() as work:
            token = await work.revoke(id, now, visible_to)
            if token is None:
                raise NotFound("There is no such token, or you may not see it.", ("id",))
            if token.revoked_at != now:
                return token
            event = self._event("TOKEN_REVOKED", token, now)
            await work.append(event)
        self._means.announce(event)
        return token

    def _event(self, kind: SecurityEventKind, token: ApiToken, now: datetime) -> SecurityEvent:
        facts = {"user": global_id("User", token.user_id), "kind": token.kind, "scopes": " ".join(token.scopes)}
        subject = global_id("ApiToken", token.id)
        return SecurityEvent(kind, self._actor.user_id, subject, self._address, self._request_id, now, facts)
