"""Deleting and restoring, the limit of active features, and stale versions over the API (R6, R7, R8)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.domain.feature import acts
from app.domain.feature.service import FeatureService
from app.kernel.actor import Actor
from app.kernel.clock import new_id, utc_now
from app.kernel.errors import LimitExceeded
from app.kernel.ids import FeatureId, global_id
from tests.fixtures.world import World
from tests.fixtures.writes import assert_sound, nothing_written, refused, written

FULL = {"__typename": "LimitExceededError", "code": "FEATURE_LIMIT_EXCEEDED", "path": None, "most": 100}


async def fill(world: World, count: int) -> list[dict[str, Any]]:
    """So many active features of the user."""
    return list(await asyncio.gather(*(world.create(f"filler {number}") for number in range(count))))


async def test_what_is_deleted_is_found_nowhere_but_in_its_trail_and_where_asked_for(world: World) -> None:
    feature = await world.create("Gone")
    await written(world, "deleteFeature", id=feature["id"])
    text = """query($id: ID!) {
      feature(id: $id) { id }  node(id: $id) { id }  nodes(ids: [$id]) { id }
      features { totalCount nodes { id } }
      listed: features(filter: {status: [DELETED]}) {
        nodes { id status deletedAt updatedAt auditEntries { totalCount } } }
      included: features(filter: {includeDeleted: true}) { totalCount }
      auditEntries { nodes { id action feature { id } newValues } } }"""
    found = await world.data(text, "user", id=feature["id"])
    assert (found["feature"], found["node"], found["nodes"]) == (None, None, [None])
    assert found["features"] == {"totalCount": 0, "nodes": []}
    (listed,) = found["listed"]["nodes"]
    assert (listed["id"], listed["status"], listed["auditEntries"]) == (feature["id"], "DELETED", {"totalCount": 2})
    assert listed["deletedAt"] == listed["updatedAt"] and found["included"] == {"totalCount": 1}
    entries = found["auditEntries"]["nodes"]
    assert [(entry["action"], entry["feature"]) for entry in entries] == [("DELETE", None), ("CREATE", None)]
    assert entries[0]["newValues"] == {"name": "Gone", "description": None, "status": "DELETED", "metadata": {}}
    entry = await world.data("query($id: ID!) { node(id: $id) { ... on AuditEntry { action } } }", id=entries[0]["id"])
    assert entry == {"node": {"action": "DELETE"}}


async def test_the_name_of_what_is_deleted_is_free_and_a_restore_of_it_is_refused_while_taken(world: World) -> None:
    first = await world.create("Name")
    await written(world, "deleteFeature", id=first["id"])
    second = await world.create("Name")
    taken = {
        "__typename": "DuplicateNameError",
        "code": "DUPLICATE_NAME",
        "path": None,  # no name was sent
        "existingId": second["id"],
    }
    assert await refused(world, "restoreFeature", id=first["id"]) == [taken]
    await written(world, "updateFeature", id=second["id"], expectedVersion=1, name="Another")
    assert (await written(world, "restoreFeature", id=first["id"]))["name"] == "Name"
    await assert_sound(world.owner)


async def test_several_deleted_features_may_share_a_name(world: World) -> None:
    for _ in range(3):
        feature = await world.create("Name")
        await written(world, "deleteFeature", id=feature["id"])
    assert await world.owner.fetchval("SELECT count(*) FROM features WHERE name = 'Name'") == 3
    await assert_sound(world.owner)


async def test_the_limit_holds_for_creating_activating_and_restoring(world: World) -> None:
    inactive = await written(world, "deactivateFeature", id=(await world.create("inactive"))["id"])
    archived = await written(world, "archiveFeature", id=(await world.create("archived"))["id"])
    deleted = await written(world, "deleteFeature", id=(await world.create("deleted"))["id"])
    fillers = await fill(world, 100)

    assert await refused(world, "createFeature", name="one more") == [FULL]
    assert await refused(world, "createFeature", "admin", name="one more", ownerId=world.id_of("user")) == [FULL]
    assert await refused(world, "activateFeature", id=inactive["id"]) == [FULL]
    assert await refused(world, "activateFeature", id=archived["id"]) == [FULL]
    assert await refused(world, "restoreFeature", id=deleted["id"]) == [FULL]
    await world.create("of somebody else", who="other")

    # A change that leaves the status as it is, or a restore to a status that is not active, needs no room.
    assert (await written(world, "updateFeature", id=fillers[0]["id"], expectedVersion=1, name="new"))["version"] == 2
    for mutation in ("deleteFeature", "restoreFeature"):
        inactive = await written(world, mutation, id=inactive["id"])
    assert inactive["status"] == "INACTIVE"

    await written(world, "archiveFeature", id=fillers[0]["id"])
    assert (await written(world, "restoreFeature", id=deleted["id"]))["status"] == "ACTIVE"
    assert await refused(world, "activateFeature", id=archived["id"]) == [FULL]
    await assert_sound(world.owner)


async def test_a_limit_that_is_lowered_traps_nothing_and_lets_nothing_in(world: World) -> None:
    features = await fill(world, 3)
    stores, actor = world.wiring.stores, Actor(world.users["user"], "USER")

    async def act(act: acts.Act, number: int, limit: int) -> str:
        service = FeatureService(actor, stores.features, "r1", utc_now, new_id, limit)
        ids = await world.owner.fetch("SELECT id FROM features ORDER BY name")
        return (await service.change(FeatureId(ids[number][0]), act, None)).status

    assert len(features) == 3
    assert await act(acts.DEACTIVATE, 0, 2) == "INACTIVE"
    async with nothing_written(world):
        with pytest.raises(LimitExceeded) as refusal:
            await act(acts.ACTIVATE, 0, 2)
    assert refusal.value.limit == 2
    assert await act(acts.ACTIVATE, 0, 3) == "ACTIVE"  # raised again
    await assert_sound(world.owner)


async def test_a_server_whose_clock_is_behind_does_not_turn_time_back(world: World) -> None:
    feature = await world.create("a")
    actor, ids = Actor(world.users["user"], "USER"), await world.owner.fetch("SELECT id, updated_at FROM features")
    service = FeatureService(
        actor, world.wiring.stores.features, "r1", lambda: utc_now() - timedelta(hours=1), new_id, 100
    )
    changed = await service.change(FeatureId(ids[0][0]), acts.ARCHIVE, None)
    assert (changed.version, changed.updated_at) == (2, ids[0][1] + timedelta(microseconds=1))
    assert (await written(world, "activateFeature", id=feature["id"]))["version"] == 3
    await assert_sound(world.owner)


async def test_a_stale_version_is_refused_with_the_current_feature_and_the_fields_in_conflict(world: World) -> None:
    feature = await world.create("Old", description="Same", metadata={"a": 1})
    theirs = await written(
        world, "updateFeature", "manager", id=feature["id"], expectedVersion=1, name="Theirs", metadata={"a": 2}
    )
    mine: dict[str, Any] = {"name": "Mine", "description": "Same", "metadata": {"a": 2.0}}
    stale = {
        "__typename": "StaleVersionError",
        "code": "STALE_VERSION",
        "path": ["input", "expectedVersion"],
        "currentVersion": 2,
        "current": theirs,
    }
    conflict = {"field": "name", "current": "Theirs", "proposed": "Mine"}
    for expected in (1, 3, 0, -(2**31)):
        found = await refused(world, "updateFeature", id=feature["id"], expectedVersion=expected, **mine)
        assert found == [{**stale, "expectedVersion": expected, "conflicts": [conflict]}]
    status = {"field": "status", "current": "ACTIVE", "proposed": "DELETED"}
    found = await refused(world, "deleteFeature", id=feature["id"], expectedVersion=1)
    assert found == [{**stale, "expectedVersion": 1, "conflicts": [status]}]
    metadata = {"field": "metadata", "current": {"a": 2}, "proposed": {}}
    found = await refused(world, "updateFeature", id=feature["id"], expectedVersion=1, metadata={})
    assert found == [{**stale, "expectedVersion": 1, "conflicts": [metadata]}]


async def test_a_feature_that_never_was_is_not_found_by_any_mutation(world: World) -> None:
    error = {"__typename": "NotFoundError", "code": "NOT_FOUND", "path": ["input", "id"]}
    id = global_id("Feature", new_id())
    for mutation in ("activateFeature", "deactivateFeature", "archiveFeature", "deleteFeature", "restoreFeature"):
        assert await refused(world, mutation, id=id) == [error]
        assert await refused(world, mutation, "admin", id=id, expectedVersion=1) == [error]
    assert await refused(world, "updateFeature", id=id, expectedVersion=1, name="x") == [error]
