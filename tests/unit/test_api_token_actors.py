"""What is remembered of API tokens: by hash, for bounded time, in bounded number, never past their end (R25)."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from app.auth import api_tokens as module
from app.auth.api_tokens import ApiTokenActors
from app.jobs.notes import keep_notes
from app.kernel.actor import Actor
from app.kernel.clock import new_id
from app.kernel.errors import Unauthenticated, Unavailable
from app.kernel.ids import ApiTokenId, UserId
from app.kernel.secret import LENGTH, hash_of, make_secret
from tests.fixtures.waiting import eventually

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOT_VALID, RUN_OUT = "The token is not valid: get a new one.", "The token has run out: get a new one."


def secret(number: int) -> str:
    return make_secret("p", number.to_bytes(32))


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class Store:
    """What the database would say, and what it was asked."""

    def __init__(self, good: int, seconds: float = 3600) -> None:
        self.rows = {
            hash_of(secret(number)): (
                ApiTokenId(new_id()),
                Actor(UserId(new_id()), "USER", frozenset({"features:read"}), after(seconds)),
            )
            for number in range(good)
        }
        self.asked: list[bytes] = []
        self.noted: list[Mapping[ApiTokenId, datetime]] = []
        self.away = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.at_once = self.most = 0

    async def fetch(self, hash: bytes) -> tuple[ApiTokenId, Actor] | None:
        self.asked.append(hash)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0)
        await self.answers.wait()
        self.at_once -= 1
        if self.away:
            raise Unavailable("away")
        return self.rows.get(hash)

    async def note(self, uses: Mapping[ApiTokenId, datetime]) -> None:
        if self.away:
            raise Unavailable("away")
        self.noted.append(uses)

    def actors(self, patience: float = 5) -> ApiTokenActors:
        return ApiTokenActors(self.fetch, self.note, 15, patience)


async def refused(actors: ApiTokenActors, text: str, now: datetime = NOW) -> str:
    with pytest.raises(Unauthenticated) as refusal:
        await actors.of(text, now)
    return refusal.value.message


async def test_a_good_token_is_looked_up_once_in_its_seconds() -> None:
    store = Store(1)
    actors = store.actors()
    [(_, actor)] = store.rows.values()
    for seconds in (0, 14.9):
        assert await actors.of(secret(0), after(seconds)) == actor
    assert len(store.asked) == 1
    assert await actors.of(secret(0), after(15)) == actor
    assert len(store.asked) == 2


async def test_a_token_that_is_revoked_counts_for_its_seconds_and_then_no_more() -> None:
    store = Store(1)
    actors = store.actors()
    await actors.of(secret(0), NOW)
    store.rows.clear()
    await actors.of(secret(0), after(14.9))
    for seconds in (15, 20, 29.9):
        assert await refused(actors, secret(0), after(seconds)) == NOT_VALID
    assert len(store.asked) == 2  # that it is bad is remembered, too
    assert actors._good == {} and len(actors._bad) == 1


async def test_a_token_ends_to_the_moment_although_it_is_remembered() -> None:
    store = Store(1, seconds=10)
    remembers = store.actors()
    await remembers.of(secret(0), NOW)
    for actors in (remembers, store.actors()):
        await actors.of(secret(0), after(9.999999))
        assert await refused(actors, secret(0), after(10)) == RUN_OUT


async def test_what_cannot_be_a_token_costs_no_look_up_and_what_is_long_not_even_a_hash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashed: list[str] = []

    def watch(text: str) -> bytes:
        hashed.append(text)
        return hash_of(text)

    monkeypatch.setattr(module, "hash_of", watch)
    store = Store(1)
    actors = store.actors()
    whole = secret(0)
    for text in ("fapi_", whole[:-1], whole + "x", "fapi_p_" + "0" * 49, "fapi_p_" + "é" * 49, "fapi_" + "x" * 60_000):
        assert await refused(actors, text) == NOT_VALID
    assert store.asked == [] and not actors._good and not actors._bad
    assert {len(text) for text in hashed} == {LENGTH}


async def test_a_flood_of_well_formed_unknown_tokens_takes_no_memory_and_few_connections_and_drives_out_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    store = Store(3)
    actors = store.actors()
    for number in range(3):
        await actors.of(secret(number), NOW)
    answers = await asyncio.gather(*(refused(actors, secret(1000 + number)) for number in range(50)))
    assert set(answers) == {NOT_VALID}
    assert store.most == module.LOOK_UPS == 4
    assert len(actors._bad) == 3 and set(actors._good) == set(store.rows)
    asked = len(store.asked)
    for number in range(3):
        await actors.of(secret(number), NOW)
    assert len(store.asked) == asked


async def test_remembered_good_ones_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    store = Store(5)
    actors = store.actors()
    for number in range(5):
        await actors.of(secret(number), NOW)
    assert list(actors._good) == [hash_of(secret(number)) for number in (2, 3, 4)]
    assert len(actors._used) == 3


async def test_who_waits_too_long_for_a_turn_is_told_so_and_the_known_need_no_turn() -> None:
    store = Store(1)
    actors = store.actors(patience=0.01)
    known = await actors.of(secret(0), NOW)
    store.answers.clear()
    stuck = [asyncio.create_task(refused(actors, secret(1000 + number))) for number in range(module.LOOK_UPS)]

    async def all_turns_are_taken() -> bool:
        return len(store.asked) == 1 + module.LOOK_UPS

    await eventually(all_turns_are_taken)
    with pytest.raises(Unavailable, match="Too many tokens"):
        await actors.of(secret(2000), NOW)
    assert await actors.of(secret(0), NOW) == known
    store.answers.set()
    assert await asyncio.gather(*stuck) == [NOT_VALID] * module.LOOK_UPS
    assert await refused(actors, secret(2000)) == NOT_VALID  # every turn was given back


async def test_one_token_that_many_send_at_once_is_looked_up_by_few() -> None:
    store = Store(1)
    actors = store.actors()
    await asyncio.gather(*(actors.of(secret(0), NOW) for _ in range(50)))
    assert len(store.asked) <= module.LOOK_UPS


async def test_a_database_that_is_away_says_so_and_nothing_is_remembered_of_it() -> None:
    store = Store(1)
    actors = store.actors()
    store.away = True
    for _ in range(2):
        with pytest.raises(Unavailable):
            await actors.of(secret(0), NOW)
    store.away = False
    await actors.of(secret(0), NOW)
    store.away = True
    await actors.of(secret(0), after(14))  # while it is remembered it is good


async def test_no_text_of_a_token_is_kept() -> None:
    store = Store(1)
    actors = store.actors()
    await actors.of(secret(0), NOW)
    await refused(actors, secret(7))
    assert "fapi_" not in repr([vars(actors), *actors._good.items(), *actors._bad.items()])


# When they were used


async def test_uses_are_written_all_at_once_the_last_of_each_token() -> None:
    store = Store(2)
    actors = store.actors()
    ids = [id for id, _ in store.rows.values()]
    for seconds, number in ((0, 0), (1, 1), (2, 0)):
        await actors.of(secret(number), after(seconds))
    assert store.noted == []
    await actors.note_uses()
    await actors.note_uses()
    assert store.noted == [{ids[0]: after(2), ids[1]: after(1)}, {}]


async def test_uses_that_cannot_be_written_are_kept_for_the_next_time() -> None:
    store = Store(2)
    actors = store.actors()
    ids = [id for id, _ in store.rows.values()]
    await actors.of(secret(0), NOW)
    await actors.of(secret(1), NOW)
    store.away = True
    with pytest.raises(Unavailable):
        await actors.note_uses()
    await actors.of(secret(1), after(3))
    store.away = False
    await actors.note_uses()
    assert store.noted == [{ids[0]: NOW, ids[1]: after(3)}]


async def test_a_refused_token_is_not_used() -> None:
    store = Store(1, seconds=10)
    actors = store.actors()
    await refused(actors, secret(0), after(10))
    await refused(actors, secret(5))
    assert actors._used == {}


async def test_the_job_survives_what_goes_wrong_and_writes_once_more_when_it_ends() -> None:
    outcomes: list[Exception | None] = [Unavailable("away"), RuntimeError("a bug"), None, None]
    calls, enough = 0, asyncio.Event()

    async def note() -> None:
        nonlocal calls
        outcome = outcomes[min(calls, 3)]
        calls += 1
        if calls == 3:
            enough.set()
        if outcome is not None:
            raise outcome

    job = asyncio.create_task(keep_notes(note, "uses of API tokens", every=0))
    await enough.wait()
    job.cancel()
    before = calls
    with pytest.raises(asyncio.CancelledError):
        await job
    assert calls == before + 1
