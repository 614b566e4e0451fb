"""Signing keys that rotate: no token that is good is ever refused, and none that is revoked is taken for long (R21)."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws

from app.auth.stored_keys import GAP, KeyMaker
from app.auth.tokens import LEEWAY
from app.domain.signing_key.rules import MARGIN, signer, state_of, verifies
from app.domain.signing_key.service import RotationRefusedError
from app.kernel.actor import Actor
from app.kernel.clock import new_id
from app.kernel.errors import Unauthenticated, Unavailable
from app.kernel.ids import UserId
from tests.fixtures.examples import examples
from tests.fixtures.keys import DELAY, LONGEST, NOON, REFRESH, Clock, Events, MemoryKeys, Node, a_ring, service

USER = UserId(new_id())
MAKER = KeyMaker(a_ring())


def kid_of(token: str) -> str:
    return str(jws.extract_compact(token.encode()).headers()["kid"])


def states(store: MemoryKeys, clock: Clock) -> list[str]:
    return [state_of(key, clock.now) for key in sorted(store.rows.values(), key=lambda key: key.created_at)]


async def test_key_is_published_signs_verifies_and_is_gone() -> None:
    clock, events = Clock(), Events()
    store = MemoryKeys(clock)
    rotation = service(store, MAKER, events)
    first = await rotation.rotate()
    assert (first.created_at, first.signs_from, states(store, clock)) == (NOON, NOON + DELAY, ["PUBLISHED"])
    clock.now = first.signs_from
    assert states(store, clock) == ["SIGNING"]
    second = await rotation.rotate()
    assert states(store, clock) == ["SIGNING", "PUBLISHED"]
    clock.now = second.signs_from - timedelta(microseconds=1)
    assert states(store, clock) == ["SIGNING", "PUBLISHED"]
    clock.now = second.signs_from
    assert states(store, clock) == ["VERIFYING", "SIGNING"]
    clock.now = second.signs_from + LONGEST + MARGIN - timedelta(microseconds=1)
    assert states(store, clock) == ["VERIFYING", "SIGNING"]
    clock.now = second.signs_from + LONGEST + MARGIN
    assert states(store, clock) == ["ENDED", "SIGNING"]
    third = await rotation.rotate()
    assert list(store.rows) == [second.kid, third.kid]  # what nobody believes is no longer kept
    assert store.kept == events.recorded
    told = [(event.kind, event.subject, event.actor_id, event.facts) for event in events.recorded]
    assert told == [("KEYS_ROTATED", key.kid, None, {"act": "ROTATED"}) for key in (first, second, third)]


async def test_second_rotation_before_the_first_has_taken_effect_is_refused() -> None:
    clock, events = Clock(), Events()
    store = MemoryKeys(clock)
    rotation = service(store, MAKER, events)
    first = await rotation.rotate()
    clock.now = first.signs_from - timedelta(microseconds=1)
    with pytest.raises(
        RotationRefusedError, match=f"^The key {first.kid} is new itself: it signs from 2026-05-01T12:01:00Z"
    ):
        await rotation.rotate()
    assert (list(store.rows.values()), len(events.recorded)) == ([first], 1)


async def test_rotation_with_a_key_ring_that_is_not_the_servers_is_refused() -> None:
    clock = Clock()
    store = MemoryKeys(clock)
    first = await service(store, MAKER).rotate()
    clock.now = first.signs_from
    with pytest.raises(RotationRefusedError, match=f"^The key {first.kid} cannot be read with these ENCRYPTION_KEYS"):
        await service(store, KeyMaker(a_ring())).rotate()
    assert list(store.rows.values()) == [first]


async def test_revoked_key_that_signs_gets_a_successor_and_others_do_not() -> None:
    clock, events = Clock(), Events()
    store = MemoryKeys(clock)
    rotation = service(store, MAKER, events)
    first = await rotation.rotate()
    clock.now = first.signs_from
    second = await rotation.rotate()
    third = await rotation.revoke(second.kid)  # published only; the first must sign till its successor does
    assert third is not None and third.signs_from == clock.now + DELAY
    assert (store.rows[first.kid].signs_until, states(store, clock)) == (
        third.signs_from,
        ["SIGNING", "REVOKED", "PUBLISHED"],
    )
    clock.now = third.signs_from
    assert await rotation.revoke(first.kid) is None
    assert states(store, clock) == ["REVOKED", "REVOKED", "SIGNING"]
    for kid, told in ((first.kid, "is revoked already"), ("x", "The database has no key x")):
        with pytest.raises(RotationRefusedError, match=told):
            await rotation.revoke(kid)
    acts = [(event.subject, event.facts["act"]) for event in events.recorded]
    assert acts[2:] == [(second.kid, "REVOKED"), (first.kid, "REVOKED")]


async def a_signing_node(clock: Clock) -> tuple[MemoryKeys, Node]:
    store = MemoryKeys(clock)
    await service(store, MAKER).rotate()
    clock.now += DELAY
    node = Node(store, MAKER, clock)
    await node.reader.read()
    return store, node


async def test_remembered_tokens_of_a_revoked_key_are_forgotten_with_the_next_reading() -> None:
    clock = Clock()
    store, node = await a_signing_node(clock)
    token = node.mint(USER)
    assert await node.actors.of(f"Bearer {token}") == Actor(USER, "USER")
    await service(store, MAKER).revoke(kid_of(token))
    await node.reader.read()
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await node.actors.of(f"Bearer {token}")
        clock.pass_(GAP.total_seconds())
    assert token not in node.verifier._passed
    with pytest.raises(Unavailable):
        node.mint(USER)


async def test_remembered_token_ends_with_its_key_though_nobody_reads_the_keys_again() -> None:
    clock = Clock()
    store, node = await a_signing_node(clock)
    token = node.mint(USER)
    kid = kid_of(token)
    store.rows[kid] = replace(store.rows[kid], verifies_until=clock.now + timedelta(seconds=10))
    await node.reader.read()
    assert await node.actors.of(f"Bearer {token}") == Actor(USER, "USER")
    clock.pass_(10 + LEEWAY - 0.001)
    assert await node.actors.of(f"Bearer {token}") == Actor(USER, "USER")
    clock.pass_(0.001)
    with pytest.raises(Unauthenticated):
        await node.actors.of(f"Bearer {token}")


async def test_key_neither_verifies_nor_is_published_from_its_end_on_though_nobody_reads_the_keys_again() -> None:
    clock = Clock()
    store, node = await a_signing_node(clock)
    token, stored = node.mint(USER), node.tokens.stored
    kid = kid_of(token)
    store.rows[kid] = replace(store.rows[kid], verifies_until=clock.now + timedelta(seconds=10))
    await node.reader.read()
    clock.pass_(9.999)
    assert [key.kid for key in stored.public(clock.now)] == [kid] and stored.get(kid, clock.now) is not None
    clock.pass_(0.001)
    assert stored.public(clock.now) == []
    with pytest.raises(Unauthenticated):
        node.verifier.verify(token, clock.now)


async def test_key_that_is_revoked_neither_signs_nor_verifies_by_the_rules_themselves() -> None:
    clock = Clock()
    store, _ = await a_signing_node(clock)
    [key] = store.rows.values()
    assert (signer([key], clock.now), verifies(key, clock.now)) == (key, True)
    revoked = replace(key, revoked_at=clock.now)
    assert (signer([revoked], clock.now), verifies(revoked, clock.now)) == (None, False)


async def test_unknown_keys_ask_the_database_once_a_second_at_most() -> None:
    clock = Clock()
    store, node = await a_signing_node(clock)
    stranger = MemoryKeys(clock)
    await service(stranger, MAKER).rotate()
    other = Node(stranger, MAKER, clock, skew=DELAY.total_seconds())
    await other.reader.read()
    forged = [f"Bearer {other.mint(UserId(new_id()))}" for _ in range(50)]
    for seconds in range(3):
        before = store.reads
        for token in forged:
            with pytest.raises(Unauthenticated):
                await node.actors.of(token)
        assert (seconds, store.reads - before) == (seconds, 1)
        clock.pass_(1)


async def test_token_of_a_key_that_is_newer_than_the_last_reading_is_good_at_once() -> None:
    clock = Clock()
    store, node = await a_signing_node(clock)
    made = await service(store, MAKER).rotate()
    early = Node(store, MAKER, clock, skew=DELAY.total_seconds())  # its clock is a whole delay ahead
    await early.reader.read()
    token = early.tokens.mint(USER, clock.now + DELAY, LONGEST)
    assert kid_of(token) == made.kid
    clock.now += DELAY - GAP
    reads = store.reads
    clock.pass_(1)
    assert await node.actors.of(f"Bearer {token}") == Actor(USER, "USER")
    assert store.reads == reads + 1


async def test_without_the_database_known_keys_go_on_and_unknown_ones_are_not_called_wrong() -> None:
    clock = Clock()
    store, node = await a_signing_node(clock)
    token = node.mint(USER)
    made = await service(store, MAKER).rotate()
    store.away = True
    clock.now += DELAY - timedelta(seconds=1)
    assert kid_of(node.mint(USER)) == kid_of(token)
    clock.now += timedelta(seconds=1)  # now the new key signs, of which this server cannot know
    with pytest.raises(Unavailable):
        node.mint(USER)
    assert await node.actors.of(f"Bearer {token}") == Actor(USER, "USER")
    store.away = False
    elsewhere = Node(store, MAKER, clock)
    await elsewhere.reader.read()
    newer = elsewhere.mint(USER)
    assert kid_of(newer) == made.kid
    store.away = True
    with pytest.raises(Unavailable):
        await node.actors.of(f"Bearer {newer}")
    store.away = False
    clock.pass_(1)
    assert await node.actors.of(f"Bearer {newer}") == Actor(USER, "USER")


async def test_key_that_was_planted_or_moved_in_the_table_is_not_believed() -> None:
    clock = Clock()
    store, node = await a_signing_node(clock)
    await service(planted := MemoryKeys(clock), KeyMaker(a_ring())).rotate()  # by somebody who has not the key ring
    await service(moved := MemoryKeys(clock), MAKER).rotate()
    [strange], [ours], [known] = planted.rows.values(), moved.rows.values(), store.rows.values()
    forged = replace(ours, public_jwk={**ours.public_jwk, "x": strange.public_jwk["x"]})
    await service(third := MemoryKeys(clock), MAKER).rotate()
    [swapped] = third.rows.values()
    swapped = replace(swapped, sealed=known.sealed)
    store.rows |= {key.kid: key for key in (strange, forged, swapped)}
    await node.reader.read()
    assert [str(key.kid) for key in node.tokens.stored.public(clock.now)] == [known.kid]


@examples(40)
@given(
    steps=st.lists(
        st.tuples(
            st.floats(0.1, 9.9),  # seconds to the next step; every server reads once in REFRESH
            st.sampled_from(["", "", "rotate", "rotate", "wait", "away", "back"]),
        ),
        min_size=20,
        max_size=50,
    ),
    skews=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
)
async def test_no_good_token_is_refused_through_rotations_and_outages(
    steps: list[tuple[float, str]], skews: tuple[float, float]
) -> None:
    """Two servers whose clocks differ, each of which signs and checks what the other signed."""
    clock = Clock()
    store = MemoryKeys(clock)
    rotation = service(store, MAKER)
    nodes = [Node(store, MAKER, clock, skew) for skew in skews]
    due = [clock.now, clock.now + REFRESH / 2]
    minted: list[tuple[str, float]] = []  # (token, its end)
    signers: set[str] = set()
    known_from = clock.now + timedelta(seconds=70)  # from when on both are sure to have read what there is
    for seconds, act in [(70.0, "rotate"), (61.0, ""), *steps]:
        until = clock.now + timedelta(seconds=seconds * (30 if act == "wait" else 1))
        if act == "rotate" and not store.away:
            with suppress(RotationRefusedError):  # the last is too new
                await rotation.rotate()
        if store.away and act == "back":
            known_from = until + REFRESH
        store.away = act == "away" or (store.away and act != "back")
        while min(due) <= until:
            which = due.index(min(due))
            clock.now, due[which] = due[which], due[which] + REFRESH
            if not store.away:
                await nodes[which].reader.read()
        clock.now = until
        for node in nodes:
            try:
                lifetime = timedelta(seconds=len(minted) * 37 % 900 + 1)
                minted.append((node.mint(UserId(new_id()), lifetime), (node.now() + lifetime).timestamp()))
                signers.add(kid_of(minted[-1][0]))
            except Unavailable:
                assert store.away or clock.now < known_from
        for node in nodes:
            for token, end in minted[-20:]:
                if node.now().timestamp() < end - 1:
                    try:
                        assert (await node.actors.of(f"Bearer {token}")).role == "USER"
                    except Unavailable:
                        assert store.away
    assert signers
