"""Signing keys in PostgreSQL: who may touch them, two operators at once, and what a server makes of them (R21)."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from app.db.database import Database
from app.db.signing_key import SqlSigningKeys
from app.domain.signing_key.model import SigningKey
from app.domain.signing_key.service import RotationRefusedError
from app.kernel.clock import utc_now
from tests.fixtures.bearer import own_key
from tests.fixtures.http import ADMIN, NAME, refusal
from tests.fixtures.rotation import read, rotation
from tests.fixtures.world import World


async def answer(world: World, token: str) -> object:
    response = await world.post({"query": NAME}, authorization=f"Bearer {token}")
    return refusal(response) if response.status_code != 200 else response.json()


async def test_key_comes_back_as_it_was_made(world: World, as_owner: SqlSigningKeys) -> None:
    made = await rotation(world, as_owner, timedelta(minutes=1)).rotate()
    [found] = await as_owner.fetch_all()
    assert found == made
    assert set(found.public_jwk) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert abs(found.created_at - utc_now()) < timedelta(minutes=1)
    assert (found.signs_from - found.created_at, found.signs_until) == (timedelta(minutes=1), None)


async def test_private_part_is_in_the_table_under_the_key_ring_alone(world: World, as_owner: SqlSigningKeys) -> None:
    made = await rotation(world, as_owner).rotate()
    assert world.wiring.ring is not None
    plain = world.wiring.ring.decrypt(made.sealed, "signing_keys.private_key", made.kid)
    row = await world.owner.fetchval("SELECT to_jsonb(k)::text FROM signing_keys k")
    assert b'"d":' in plain and '"d":' not in row and plain.hex() not in row


WRITES = (
    "INSERT INTO signing_keys SELECT * FROM signing_keys",
    "UPDATE signing_keys SET revoked_at = NULL",
    "UPDATE signing_keys SET verifies_until = now()",
    "DELETE FROM signing_keys",
    "TRUNCATE signing_keys",
    "ALTER TABLE signing_keys DISABLE TRIGGER ALL",
    "DROP TABLE signing_keys",
    "SELECT * FROM signing_keys FOR UPDATE",
)


@pytest.mark.parametrize("statement", WRITES)
async def test_application_may_read_keys_and_nothing_else(world: World, database: Database, statement: str) -> None:
    held = await database.pool.take()
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await held.connection.execute(statement)
        assert await held.connection.fetch("SELECT * FROM signing_keys") == []
    finally:
        database.pool.give(held)


LAWS = {
    "signing_keys_kid_form": "kid = 'short'",
    "signing_keys_public_jwk_is_public": 'public_jwk = public_jwk || \'{"d": "x"}\'',
    "signing_keys_algorithm_known": "algorithm = 'HS256'",
    "signing_keys_times_in_order": "signs_from = created_at - interval '1s'",
}


@pytest.mark.parametrize("law", LAWS)
async def test_database_refuses_a_key_that_cannot_be(world: World, as_owner: SqlSigningKeys, law: str) -> None:
    await rotation(world, as_owner).rotate()
    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await world.owner.execute(f"UPDATE signing_keys SET {LAWS[law]}")
    assert caught.value.as_dict()["constraint_name"] == law


async def test_of_two_operators_who_rotate_at_once_one_is_refused(world: World, as_owner: SqlSigningKeys) -> None:
    service = rotation(world, as_owner, timedelta(minutes=1))
    done = await asyncio.gather(*(service.rotate() for _ in range(5)), return_exceptions=True)
    made = [key for key in done if isinstance(key, SigningKey)]
    assert len(made) == 1 and sum(isinstance(error, RotationRefusedError) for error in done) == 4
    assert await as_owner.fetch_all() == made
    kept = await world.owner.fetch("SELECT kind, actor_id, subject, facts::text FROM security_events")
    assert [tuple(row) for row in kept] == [("KEYS_ROTATED", None, made[0].kid, '{"act": "ROTATED"}')]


async def test_through_a_rotation_tokens_of_both_keys_and_of_the_settings_are_good(
    world: World, as_owner: SqlSigningKeys
) -> None:
    service = rotation(world, as_owner)
    tokens = [world.token("admin")]
    for _ in range(3):
        await service.rotate()
        await read(world)
        tokens.append(world.token("admin"))
    assert len({token.split(".")[0] for token in tokens}) == 4
    assert [await answer(world, token) for token in tokens] == [ADMIN] * 4


async def test_revoked_key_is_refused_once_the_keys_are_read_and_is_never_read_again(
    world: World, as_owner: SqlSigningKeys
) -> None:
    service = rotation(world, as_owner)
    first = await service.rotate()
    await read(world)
    token = world.token("admin")
    assert await answer(world, token) == ADMIN
    made = await service.revoke(first.kid)
    assert made is not None
    await read(world)
    assert await answer(world, token) == (401, "UNAUTHENTICATED")
    assert await answer(world, world.token("admin")) == ADMIN


async def test_key_that_was_never_read_is_read_when_a_token_names_it(world: World, as_owner: SqlSigningKeys) -> None:
    await rotation(world, as_owner).rotate()
    await read(world)
    token, known = world.token("admin"), world.wiring.tokens.stored
    known.replace([], utc_now())
    world.statements.clear()
    assert await answer(world, token) == ADMIN
    assert world.statements == ["signing_key.all", "user.role", "user.by_ids"]


async def test_flood_of_unknown_keys_is_one_statement(world: World, as_owner: SqlSigningKeys) -> None:
    service = rotation(world, as_owner)
    await service.rotate()
    await read(world)
    token = world.token("admin")
    await world.owner.execute("DELETE FROM signing_keys")
    await read(world)
    world.statements.clear()
    tokens = [f"{token[:-1]}{end}" for end in "AQgw"] * 25
    answers = await asyncio.gather(*(answer(world, token) for token in tokens))
    assert answers == [(401, "UNAUTHENTICATED")] * 100
    assert world.statements.count("signing_key.all") <= 2  # at most one a second


async def test_while_the_database_is_away_a_token_with_an_unknown_key_is_not_called_wrong(
    world: World, as_owner: SqlSigningKeys
) -> None:
    await rotation(world, as_owner).rotate()
    await read(world)
    token, old = world.token("admin"), own_key(world)
    await world.wiring.database.close()
    world.wiring.tokens.stored.replace([], utc_now() - timedelta(hours=1))
    assert await answer(world, token) == (503, "UNAVAILABLE")
    assert [key["kid"] for key in world.wiring.public_keys()] == [old.kid]
