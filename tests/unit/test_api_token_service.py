"""Who makes which tokens for whom, how wide and how long; a refusal writes nothing and tells nobody (R25)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain.api_token.model import ApiToken, TokenDraft, TokenLimits, TokenPageRequest, TokenScope
from app.domain.api_token.ports import TokenPage
from app.domain.api_token.rules import SCOPES
from app.domain.api_token.service import ApiTokenService, Means
from app.domain.security_event.model import SecurityEvent
from app.kernel.actor import GUEST, Actor, Role
from app.kernel.errors import DomainError, Forbidden, InvalidInput, NotFound, TokenLimitExceeded, Unauthenticated
from app.kernel.ids import ApiTokenId, UserId, global_id
from app.kernel.secret import hash_of, is_secret

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ME, OTHER, STRANGER = (UserId(UUID(int=number)) for number in (1, 2, 3))


@dataclass
class MemoryTokens:
    """The ports `ApiTokens`, without pages, and `ApiTokenWork`."""

    rows: dict[ApiTokenId, ApiToken] = field(default_factory=dict)
    hashes: list[bytes] = field(default_factory=list)
    kept: list[SecurityEvent] = field(default_factory=list)

    async def fetch_by_ids(self, ids: Sequence[ApiTokenId], visible_to: UserId | None) -> Mapping[ApiTokenId, ApiToken]:
        return {id: token for id, token in self.rows.items() if visible_to in (None, token.user_id)}

    async def fetch_pages_of_users(
        self, ids: Sequence[UserId], request: TokenPageRequest, visible_to: UserId | None
    ) -> Mapping[UserId, TokenPage]:
        raise NotImplementedError

    async def fetch_counts(self, scopes: Sequence[TokenScope]) -> Mapping[TokenScope, int]:
        raise NotImplementedError

    @asynccontextmanager
    async def work(self) -> AsyncIterator["MemoryTokens"]:
        yield self

    async def append(self, event: SecurityEvent) -> None:
        self.kept.append(event)

    async def add(self, token: ApiToken, hash: bytes, limit: int, event: SecurityEvent) -> None:
        if token.user_id == STRANGER:
            raise NotFound("There is no such user.", ("userId",))
        if len(self.rows) >= limit:
            raise TokenLimitExceeded(limit)
        self.rows[token.id] = token
        self.hashes.append(hash)
        await self.append(event)

    async def revoke(self, id: ApiTokenId, at: datetime, visible_to: UserId | None) -> ApiToken | None:
        found = (await self.fetch_by_ids([id], visible_to)).get(id)
        if found is not None:
            found = self.rows[id] = replace(found, revoked_at=found.revoked_at or at)
        return found


class Desk:
    """Everything that is the same for all who come."""

    def __init__(self, per_user: int = 50) -> None:
        self.tokens, self.events = MemoryTokens(), list[SecurityEvent]()
        self.now, self._numbers = NOW, 0
        limits = TokenLimits(per_user, 365)
        self.means = Means(
            self.tokens, self.events.append, limits, lambda: self.now, self.new_id, lambda: self.new_id().bytes * 2
        )

    def new_id(self) -> UUID:
        self._numbers += 1
        return UUID(int=self._numbers)

    def of(self, actor: Actor) -> ApiTokenService:
        return ApiTokenService(actor, self.means, "request", "192.0.2.1")

    async def refusal(self, actor: Actor, draft: TokenDraft) -> DomainError:
        with pytest.raises(DomainError) as refused:
            await self.of(actor).create(draft)
        assert self.tokens.rows == {} and self.events == self.tokens.kept == []
        return refused.value


DRAFT = TokenDraft("CI", ("features:read",), NOW + DAY)


async def test_a_token_is_shown_once_and_kept_as_its_hash_and_its_beginning() -> None:
    desk = Desk()
    made = await desk.of(Actor(ME, "USER")).create(replace(DRAFT, name="  Cafe\u0301 "))
    token = made.token
    assert is_secret(made.secret) and made.secret.startswith("fapi_p_") and made.secret not in repr(made)
    assert desk.tokens.rows == {token.id: token} and desk.tokens.hashes == [hash_of(made.secret)]
    assert token == ApiToken(
        token.id, ME, "PERSONAL", "Café", ["features:read"], made.secret[:11], NOW, ME, NOW + DAY, None, None
    )
    [event] = desk.events
    assert (event.kind, event.actor_id, event.subject) == ("TOKEN_CREATED", ME, global_id("ApiToken", token.id))
    assert (event.address, event.request_id, event.created_at) == ("192.0.2.1", "request", NOW)
    assert event.facts == {"user": global_id("User", ME), "kind": "PERSONAL", "scopes": "features:read"}
    assert made.secret not in repr(event)


async def test_scopes_come_once_each_in_their_order() -> None:
    for given in (SCOPES[::-1], SCOPES * 3):
        assert (await Desk().of(Actor(ME, "USER")).create(replace(DRAFT, scopes=given))).token.scopes == [*SCOPES]


MINE, THEIRS = DRAFT, replace(DRAFT, user_id=OTHER)
SERVICE, SERVICE_FOR_OTHER = replace(MINE, kind="SERVICE"), replace(THEIRS, kind="SERVICE")


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("VIEWER", []),
        ("USER", [MINE]),
        ("MANAGER", [MINE]),
        ("ADMIN", [MINE, SERVICE, SERVICE_FOR_OTHER]),
    ],
)
async def test_users_make_their_own_and_administrators_service_tokens_for_anybody(
    role: Role, allowed: list[TokenDraft]
) -> None:
    for draft in (MINE, THEIRS, SERVICE, SERVICE_FOR_OTHER):
        desk = Desk()
        if draft in allowed:
            made = (await desk.of(Actor(ME, role)).create(draft)).token
            assert (made.user_id, made.created_by, made.kind) == (draft.user_id or ME, ME, draft.kind)
        else:
            assert isinstance(await desk.refusal(Actor(ME, role), draft), Forbidden), draft


async def test_a_guest_makes_and_revokes_none() -> None:
    desk = Desk()
    assert isinstance(await desk.refusal(GUEST, DRAFT), Unauthenticated)
    with pytest.raises(Unauthenticated):
        await desk.of(GUEST).revoke(ApiTokenId(UUID(int=1)))
    with pytest.raises(Unauthenticated):
        await desk.of(GUEST).get_many([ApiTokenId(UUID(int=1))])


def token(role: Role, *scopes: str, ends: timedelta = DAY) -> Actor:
    return Actor(ME, role, frozenset(scopes), NOW + ends)


async def test_a_token_makes_none_that_is_wider_or_ends_later_than_itself() -> None:
    wide = replace(DRAFT, scopes=("features:read", "features:delete", "audit:read"))
    for role in ("USER", "ADMIN"):
        error = await Desk().refusal(token(role, "tokens:own", "features:read"), wide)
        assert isinstance(error, Forbidden)
        assert error.message == "This token cannot give scopes that it does not have: features:delete, audit:read."
    later = replace(DRAFT, expires_at=NOW + DAY + timedelta(microseconds=1))
    assert isinstance(await Desk().refusal(token("USER", *SCOPES), later), Forbidden)
    await Desk().of(token("USER", "tokens:own", "features:read")).create(DRAFT)
    await Desk().of(token("ADMIN", *SCOPES)).create(replace(SERVICE_FOR_OTHER, scopes=SCOPES))


async def test_a_token_without_the_scope_makes_and_revokes_none() -> None:
    rest = [scope for scope in SCOPES if scope != "tokens:own"]
    for role in ("USER", "ADMIN"):
        desk = Desk()
        error = await desk.refusal(token(role, *rest), DRAFT)
        assert (type(error), error.message) == (Forbidden, "The token lacks the scope tokens:own.")
        mine = (await desk.of(Actor(ME, "USER")).create(DRAFT)).token
        with pytest.raises(Forbidden, match="lacks the scope tokens:own"):
            await desk.of(token(role, *rest)).revoke(mine.id)
        assert await desk.of(token(role, *rest)).get_many([mine.id]) == [None]
        assert desk.tokens.rows[mine.id].revoked_at is None


@pytest.mark.parametrize(
    ("changed", "faults"),
    [
        ({"name": ""}, [("name", "MIN_LENGTH", 1)]),
        ({"name": " \t "}, [("name", "MIN_LENGTH", 1)]),
        ({"name": "x" * 256}, [("name", "MAX_LENGTH", 255)]),
        ({"name": "x" * 10_000}, [("name", "MAX_LENGTH", 255)]),
        ({"name": "a\0b"}, [("name", "FORMAT", None)]),
        ({"scopes": ()}, [("scopes", "MIN_LENGTH", 1)]),
        ({"scopes": ("features:read", "features:*")}, [("scopes", "FORMAT", None)]),
        ({"scopes": ("Features:read",)}, [("scopes", "FORMAT", None)]),
        ({"expires_at": NOW}, [("expiresAt", "RANGE", None)]),
        ({"expires_at": datetime.min.replace(tzinfo=UTC)}, [("expiresAt", "RANGE", None)]),
        ({"expires_at": NOW + 365 * DAY + timedelta(microseconds=1)}, [("expiresAt", "RANGE", 365)]),
        ({"expires_at": datetime.max.replace(tzinfo=UTC)}, [("expiresAt", "RANGE", 365)]),
        (
            {"name": "", "scopes": (), "expires_at": NOW},
            [("name", "MIN_LENGTH", 1), ("scopes", "MIN_LENGTH", 1), ("expiresAt", "RANGE", None)],
        ),
    ],
)
async def test_what_breaks_a_rule_is_refused_each_fault_at_its_field(
    changed: dict[str, Any], faults: list[tuple[str, str, int | None]]
) -> None:
    error = await Desk().refusal(Actor(ME, "USER"), replace(DRAFT, **changed))
    assert isinstance(error, InvalidInput)
    assert [(*problem.path, problem.issue, problem.limit) for problem in error.problems] == faults


@pytest.mark.parametrize("name", ["x", "x" * 255, "中文 🚀", "é" * 255, "a'; DROP TABLE api_tokens; --"])
async def test_names_of_every_script_are_taken(name: str) -> None:
    assert (await Desk().of(Actor(ME, "USER")).create(replace(DRAFT, name=name))).token.name == name


async def test_the_shortest_and_the_longest_life_are_taken() -> None:
    for life in (timedelta(microseconds=1), 365 * DAY):
        await Desk().of(Actor(ME, "USER")).create(replace(DRAFT, expires_at=NOW + life))


async def test_a_user_who_is_not_there_or_has_enough_gets_none() -> None:
    error = await Desk().refusal(Actor(ME, "ADMIN"), replace(SERVICE, user_id=STRANGER))
    assert (type(error), error.path) == (NotFound, ("userId",))
    error = await Desk(per_user=0).refusal(Actor(ME, "USER"), DRAFT)
    assert isinstance(error, TokenLimitExceeded) and error.limit == 0


async def test_revoked_again_it_keeps_its_time_and_nobody_is_told_twice() -> None:
    desk = Desk()
    made = (await desk.of(Actor(ME, "USER")).create(DRAFT)).token
    desk.now += DAY
    for actor in (Actor(ME, "USER"), Actor(ME, "MANAGER"), Actor(OTHER, "ADMIN")):
        assert (await desk.of(actor).revoke(made.id)).revoked_at == NOW + DAY
        desk.now += DAY
    assert [event.kind for event in desk.events] == ["TOKEN_CREATED", "TOKEN_REVOKED"]
    assert desk.tokens.kept == desk.events


async def test_a_token_of_somebody_else_is_not_found_and_stays() -> None:
    desk = Desk()
    made = (await desk.of(Actor(ME, "USER")).create(DRAFT)).token
    for role in ("USER", "MANAGER"):
        with pytest.raises(NotFound):
            await desk.of(Actor(OTHER, role)).revoke(made.id)
        assert await desk.of(Actor(OTHER, role)).get_many([made.id]) == [None]
    with pytest.raises(Forbidden):
        await desk.of(Actor(ME, "VIEWER")).revoke(made.id)
    assert desk.tokens.rows[made.id].revoked_at is None and len(desk.events) == 1
