"""What is remembered of tokens and users: for bounded time, in bounded number, and never past a token's end."""

from datetime import UTC, datetime, timedelta

import pytest
from joserfc.jwk import KeySet, OKPKey

from app.auth import actors as actors_module
from app.auth import tokens as tokens_module
from app.auth.actors import Actors
from app.auth.tokens import Proven, Tokens, Verifier
from app.kernel.actor import GUEST, Actor
from app.kernel.clock import new_id
from app.kernel.errors import Unauthenticated
from app.kernel.ids import SessionId, UserId
from tests.fixtures.world import World

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens(KeySet([OKPKey.generate_key("Ed25519", auto_kid=True)]), "us", "them")


def test_token_ends_five_seconds_after_its_end_although_it_is_remembered(tokens: Tokens) -> None:
    user_id, verifier = UserId(new_id()), Verifier(tokens)
    token = tokens.mint(user_id, NOW, timedelta(seconds=60))
    for seconds in (0, 60, 64.9):
        assert verifier.verify(token, NOW + timedelta(seconds=seconds)) == Proven(user_id, None)
    for one in (verifier, Verifier(tokens)):  # one that remembers, and one that does not
        with pytest.raises(Unauthenticated):
            one.verify(token, NOW + timedelta(seconds=65))
        assert token not in one._passed


def test_text_that_no_header_could_bring_is_refused_too(tokens: Tokens) -> None:
    for text in ("é.é.é", "\0.\0.\0", "\ud800.\ud800.\ud800", ""):
        with pytest.raises(Unauthenticated):
            Verifier(tokens).verify(text, NOW)


def test_remembered_tokens_are_bounded_and_refused_ones_are_not_remembered(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens_module, "REMEMBERED", 3)
    verifier = Verifier(tokens)
    made = [tokens.mint(UserId(new_id()), NOW, timedelta(hours=1)) for _ in range(5)]
    for token in made:
        verifier.verify(token, NOW)
        with pytest.raises(Unauthenticated):
            verifier.verify(token + "x", NOW)
    assert list(verifier._passed) == made[2:]


async def test_changed_role_counts_once_its_seconds_are_over(world: World, tokens: Tokens) -> None:
    clock = Clock()
    actors = Actors(Verifier(tokens), world.wiring.stores.users.fetch_actor, clock, ttl=15)
    user_id = world.users["user"]
    bearer = f"Bearer {tokens.mint(user_id, NOW, timedelta(hours=1))}"
    assert await actors.of(None) == GUEST
    assert await actors.of(bearer) == Actor(user_id, "USER")

    await world.owner.execute("UPDATE users SET role = 'VIEWER' WHERE id = $1", user_id)
    clock.pass_(14.9)
    assert await actors.of(bearer) == Actor(user_id, "USER")
    clock.pass_(0.1)
    assert await actors.of(bearer) == Actor(user_id, "VIEWER")

    await world.owner.execute("DELETE FROM users WHERE id = $1", user_id)
    clock.pass_(15)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await actors.of(bearer)
    assert actors._known == {}


async def test_remembered_actors_are_bounded(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors_module, "REMEMBERED", 3)

    async def fetch(user_id: UserId, session_id: SessionId | None) -> Actor:
        return Actor(user_id, "USER", session_id=session_id)

    actors = Actors(Verifier(tokens), fetch, Clock(), ttl=15)
    ids = [UserId(new_id()) for _ in range(5)]
    for user_id in ids:
        await actors.of(f"Bearer {tokens.mint(user_id, NOW, timedelta(hours=1))}")
    assert list(actors._known) == [Proven(user_id, None) for user_id in ids[2:]]
