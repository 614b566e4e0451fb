"""Many writers at once over the API: the limit, the unique name and the version hold, and every trail is whole."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from tests.fixtures.world import Who, World
from tests.fixtures.writes import ACTS, assert_sound, document, write, written

MANY = 200


async def at_once(world: World, count: int, one: Callable[[int], Awaitable[Any]]) -> list[Any]:
    """The payloads, of calls that all begin before the first one ends; every connection is open before."""
    pool = world.wiring.database.pool
    for held in await asyncio.gather(*(pool.take() for _ in range(pool.settings.size))):
        pool.give(held)
    assert pool.open == pool.settings.size == 16
    return list(await asyncio.gather(*(one(number) for number in range(count))))


def outcomes(payloads: list[Any]) -> Counter[str]:
    """How many were written, or refused with which types of errors."""
    return Counter(" ".join(error["__typename"] for error in p["userErrors"]) or "written" for p in payloads)


async def active_features(world: World) -> int:
    found: int = await world.owner.fetchval("SELECT active_features FROM users WHERE name = 'user'")
    return found


async def test_200_parallel_creates_for_one_owner_leave_exactly_100(world: World) -> None:
    payloads = await at_once(world, MANY, lambda number: write(world, "createFeature", name=f"feature {number}"))
    assert outcomes(payloads) == {"written": 100, "LimitExceededError": 100}
    assert await active_features(world) == 100
    assert await world.owner.fetchval("SELECT count(*) FROM features") == 100
    assert await world.owner.fetchval("SELECT count(*) FROM audit_entries") == 100
    await assert_sound(world.owner)


async def test_200_parallel_creates_of_one_name_leave_one(world: World) -> None:
    payloads = await at_once(world, MANY, lambda number: write(world, "createFeature", name="The name"))
    assert outcomes(payloads) == {"written": 1, "DuplicateNameError": 199}
    (winner,) = [payload["feature"]["id"] for payload in payloads if payload["feature"]]
    named = {error["existingId"] for payload in payloads for error in payload["userErrors"]}
    assert named == {winner}
    assert await active_features(world) == 1
    await assert_sound(world.owner)


async def test_of_parallel_renames_to_one_name_one_wins(world: World) -> None:
    features = [await world.create(f"feature {number}") for number in range(40)]
    payloads = await at_once(
        world,
        40,
        lambda number: write(world, "updateFeature", id=features[number]["id"], expectedVersion=1, name="The name"),
    )
    assert outcomes(payloads) == {"written": 1, "DuplicateNameError": 39}
    await assert_sound(world.owner)


async def test_of_parallel_activations_at_99_one_wins(world: World) -> None:
    asleep = [await world.create(f"asleep {number}") for number in range(30)]
    for feature in asleep:
        await written(world, "deactivateFeature", id=feature["id"])
    await asyncio.gather(*(world.create(f"feature {number}") for number in range(99)))
    payloads = await at_once(world, 30, lambda number: write(world, "activateFeature", id=asleep[number]["id"]))
    assert outcomes(payloads) == {"written": 1, "LimitExceededError": 29}
    assert await active_features(world) == 100
    await assert_sound(world.owner)


async def test_of_parallel_updates_that_saw_one_version_one_wins_and_the_others_are_told_what_it_wrote(
    world: World,
) -> None:
    feature = await world.create("Old", metadata={"a": 0})

    async def update(number: int) -> Any:
        input = {"id": feature["id"], "expectedVersion": 1, "name": f"of {number}", "metadata": {"a": 0}}
        return await write(world, "updateFeature", ("user", "manager", "admin")[number % 3], **input)

    payloads = await at_once(world, 40, update)
    assert outcomes(payloads) == {"written": 1, "StaleVersionError": 39}
    (winner,) = [payload["feature"] for payload in payloads if payload["feature"]]
    for number, payload in enumerate(payloads):
        for error in payload["userErrors"]:
            conflict = {"field": "name", "current": winner["name"], "proposed": f"of {number}"}
            assert (error["expectedVersion"], error["currentVersion"]) == (1, 2)
            assert (error["current"], error["conflicts"]) == (winner, [conflict])
    await assert_sound(world.owner)


async def test_parallel_unconditional_acts_of_one_kind_write_once(world: World) -> None:
    feature = await world.create("Fine")
    payloads = await at_once(world, 30, lambda number: write(world, "archiveFeature", id=feature["id"]))
    assert outcomes(payloads) == {"written": 30}
    assert {payload["feature"]["version"] for payload in payloads} == {2}
    payloads = await at_once(world, 30, lambda number: write(world, "deleteFeature", id=feature["id"]))
    assert outcomes(payloads) == {"written": 1, "NotFoundError": 29}
    await assert_sound(world.owner)


async def test_a_storm_of_all_writes_by_several_users_leaves_every_counter_and_trail_whole(world: World) -> None:
    chance = random.Random(7)
    people: list[Who] = ["user", "manager", "admin"]
    features = [await world.create(f"{who} {number}", who=who) for number in range(3) for who in people]

    def plan() -> tuple[Who, str, dict[str, object]]:
        """Who sends which mutation with what."""
        who, mutation = chance.choice(people), chance.choice([*ACTS, "updateFeature", "createFeature"])
        name = f"name {chance.randrange(6)}"
        if mutation == "createFeature":
            return who, mutation, {"name": name}
        id = chance.choice(features)["id"]
        if mutation == "updateFeature":
            return who, mutation, {"id": id, "expectedVersion": chance.randrange(1, 12), "name": name}
        return who, mutation, {"id": id}

    plans = [plan() for _ in range(600)]

    async def one(number: int) -> Any:
        who, mutation, input = plans[number]
        return (await world.data(document(mutation), who, input=input))[mutation]

    payloads = await at_once(world, len(plans), one)
    found = outcomes(payloads)
    kinds = {"NotFoundError", "DuplicateNameError", "InvalidTransitionError", "StaleVersionError"}
    assert set(found) == {"written", *kinds}
    touched = {payload["feature"]["id"] for payload in payloads if payload["feature"]}
    assert touched > {feature["id"] for feature in features} and found["written"] > 100
    await assert_sound(world.owner)
