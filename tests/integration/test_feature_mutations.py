"""Writes of features over the API: what they change, what they answer, and what they leave behind."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.kernel.ids import global_id
from tests.fixtures.world import World
from tests.fixtures.writes import ACTS, assert_sound, document, nothing_written, refused, write, written

NOT_FOUND = {"__typename": "NotFoundError", "code": "NOT_FOUND", "path": ["input", "id"]}


async def test_create_leaves_one_entry_and_one_event_behind(world: World) -> None:
    made = await world.create("  Dark mode ", description="For the night", metadata={"category": "ui", "tags": ["a"]})

    assert (made["name"], made["status"], made["version"]) == ("Dark mode", "ACTIVE", 1)
    assert made["owner"]["id"] == world.id_of("user")
    entry = await world.owner.fetchrow("SELECT * FROM audit_entries")
    assert entry is not None
    assert (entry["action"], entry["version"], entry["old_values"]) == ("CREATE", 1, None)
    assert entry["actor_id"] == world.users["user"]
    event = await world.owner.fetchrow("SELECT * FROM outbox")
    assert event is not None
    assert (event["type"], str(event["feature_id"])) == ("feature.changed", made["databaseId"])
    assert await world.owner.fetchval("SELECT active_features FROM users WHERE name = 'user'") == 1


# Acts

WAYS: dict[str, list[str]] = {  # how a new feature, which is ACTIVE, gets to each status
    "ACTIVE": [],
    "INACTIVE": ["deactivateFeature"],
    "ARCHIVED": ["archiveFeature"],
    "DELETED": ["deleteFeature"],
    "DELETED of INACTIVE": ["deactivateFeature", "deleteFeature"],
    "DELETED of ARCHIVED": ["archiveFeature", "deleteFeature"],
}
OUTCOMES: dict[str, list[str | None]] = {  # in the order of ACTS: activate, deactivate, archive, delete, restore
    "ACTIVE": ["ACTIVE", "INACTIVE", "ARCHIVED", "DELETED", "ACTIVE"],
    "INACTIVE": ["ACTIVE", "INACTIVE", "ARCHIVED", "DELETED", "INACTIVE"],
    "ARCHIVED": ["ACTIVE", None, "ARCHIVED", "DELETED", "ARCHIVED"],
    "DELETED": [None, None, None, None, "ACTIVE"],
    "DELETED of INACTIVE": [None, None, None, None, "INACTIVE"],
    "DELETED of ARCHIVED": [None, None, None, None, "ARCHIVED"],
}
TRANSITION = {
    "__typename": "InvalidTransitionError",
    "code": "INVALID_TRANSITION",
    "path": None,
    "from": "ARCHIVED",
    "to": "INACTIVE",
}


async def test_every_act_on_every_status_does_what_the_table_says(world: World) -> None:
    for status, outcomes in OUTCOMES.items():
        for mutation, outcome in zip(ACTS, outcomes, strict=True):
            feature = await written(world, "createFeature", name=f"{mutation} {status}")
            for way in WAYS[status]:
                feature = await written(world, way, id=feature["id"])
            assert feature["status"] == status.split()[0]
            if outcome is None:
                error = NOT_FOUND if feature["status"] == "DELETED" else TRANSITION
                assert await refused(world, mutation, id=feature["id"]) == [error]
            elif outcome == feature["status"]:
                async with nothing_written(world):
                    unchanged = await written(world, mutation, id=feature["id"], expectedVersion=feature["version"])
                assert unchanged == feature
            else:
                after = await written(world, mutation, id=feature["id"], expectedVersion=feature["version"])
                assert (after["status"], after["version"]) == (outcome, feature["version"] + 1)
                assert after["createdAt"] == feature["createdAt"]
                assert time(after["updatedAt"]) > time(feature["updatedAt"])
                assert (after["deletedAt"] is not None) == (outcome == "DELETED")
                assert await last_entry(world) == (ACTS[mutation], after["version"], ["status"])
    await assert_sound(world.owner)


def time(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def last_entry(world: World) -> tuple[str, int, list[str]]:
    rows = await world.owner.fetch(
        "SELECT action, version, changed_fields FROM audit_entries ORDER BY created_at DESC LIMIT 1"
    )
    found: tuple[str, int, list[str]] = tuple(rows[0])
    return found


async def test_an_update_is_possible_in_every_status_but_deleted(world: World) -> None:
    for status, ways in WAYS.items():
        feature = await written(world, "createFeature", name=f"update {status}")
        for way in ways:
            feature = await written(world, way, id=feature["id"])
        patch = {"id": feature["id"], "expectedVersion": feature["version"], "name": f"updated {status}"}
        if feature["status"] == "DELETED":
            assert await refused(world, "updateFeature", **patch) == [NOT_FOUND]
        else:
            after = await written(world, "updateFeature", **patch)
            changed = {"name": f"updated {status}", "version": feature["version"] + 1, "updatedAt": after["updatedAt"]}
            assert after == {**feature, **changed}
            assert await last_entry(world) == ("UPDATE", after["version"], ["name"])
    await assert_sound(world.owner)


async def test_an_update_that_changes_nothing_writes_nothing(world: World) -> None:
    feature = await world.create("Fine", description="Old", metadata={"a": 1, "b": [1.5]})
    same: dict[str, Any] = {"name": " Fine ", "description": "Old", "metadata": {"b": [1.5], "a": 1}}
    patches: list[dict[str, Any]] = [{}, same, {"name": "Fine"}]
    for patch in patches:
        async with nothing_written(world):
            after = await written(world, "updateFeature", id=feature["id"], expectedVersion=1, **patch)
        assert after["version"] == 1
    changed = await written(
        world, "updateFeature", id=feature["id"], expectedVersion=1, metadata={"a": True, "b": [1.5]}
    )
    assert (changed["version"], changed["metadata"]) == (2, {"a": True, "b": [1.5]})


# Payloads


async def test_a_payload_can_be_asked_as_deep_as_a_query_and_sees_the_write(world: World) -> None:
    feature = await world.create("Old", who="user")
    text = """mutation($input: UpdateFeatureInput!) { updateFeature(input: $input) { feature {
      name viewerPermissions
      auditEntries(first: 1) { totalCount nodes {
        action version metadata oldValues newValues changes { field old new }
        actor { name } feature { name version } } }
      owner { name features(first: 1) { totalCount nodes { name version } }
        auditEntries { totalCount nodes { version } } } } } }"""
    body = {"query": text, "variables": {"input": {"id": feature["id"], "expectedVersion": 1, "name": "New"}}}
    answer = (await world.post(body, "manager", **{"x-request-id": "request-of-the-test"})).json()
    old: dict[str, object] = {"name": "Old", "description": None, "status": "ACTIVE", "metadata": {}}
    assert answer["data"]["updateFeature"]["feature"] == {
        "name": "New",
        "viewerPermissions": ["READ", "UPDATE", "ARCHIVE", "DELETE", "RESTORE", "REVERT"],
        "auditEntries": {
            "totalCount": 2,
            "nodes": [
                {
                    "action": "UPDATE",
                    "version": 2,
                    "metadata": {"requestId": "request-of-the-test"},
                    "oldValues": old,
                    "newValues": {**old, "name": "New"},
                    "changes": [{"field": "name", "old": "Old", "new": "New"}],
                    "actor": {"name": "manager"},
                    "feature": {"name": "New", "version": 2},
                }
            ],
        },
        "owner": {
            "name": "user",
            "features": {"totalCount": 1, "nodes": [{"name": "New", "version": 2}]},
            "auditEntries": {"totalCount": 1, "nodes": [{"version": 1}]},
        },
    }


async def test_the_client_mutation_id_comes_back_as_it_was_sent(world: World) -> None:
    feature = await world.create("Fine")
    for id in ("", "é\n\0", "x" * 10_000, None):
        payload = await write(world, "archiveFeature", id=feature["id"], clientMutationId=id)
        assert (payload["userErrors"], payload["clientMutationId"]) == ([], id)
        payload = await write(world, "createFeature", name="", clientMutationId=id)
        assert (payload["feature"], payload["clientMutationId"]) == (None, id)
    assert (await write(world, "archiveFeature", id=feature["id"]))["clientMutationId"] is None


# Several in one request


async def test_mutations_of_one_request_are_transactions_of_their_own_in_their_order(world: World) -> None:
    feature = await world.create("a")
    text = """mutation($id: ID!) {
      one: updateFeature(input: {id: $id, expectedVersion: 1, name: "b"}) { ...P }
      two: updateFeature(input: {id: $id, expectedVersion: 2, name: "c"}) { ...P }
      stale: updateFeature(input: {id: $id, expectedVersion: 2, name: "d"}) { ...P2 }
      taken: createFeature(input: {name: "c"}) { ...P3 }
      four: createFeature(input: {name: "b"}) { feature { name version owner { features { totalCount } } } }
      five: archiveFeature(input: {id: $id}) { feature { name status version auditEntries { totalCount } } }
    }
    fragment P on UpdateFeaturePayload { feature { name version auditEntries { nodes { version } } } }
    fragment P2 on UpdateFeaturePayload { feature { id } userErrors { code } }
    fragment P3 on CreateFeaturePayload { feature { id } userErrors { code } }"""
    answer = await world.data(text, "user", id=feature["id"])
    assert answer == {
        "one": {"feature": {"name": "b", "version": 2, "auditEntries": {"nodes": [{"version": 2}, {"version": 1}]}}},
        "two": {"feature": {"name": "c", "version": 3, "auditEntries": {"nodes": versions(3)}}},
        "stale": {"feature": None, "userErrors": [{"code": "STALE_VERSION"}]},
        "taken": {"feature": None, "userErrors": [{"code": "DUPLICATE_NAME"}]},
        "four": {"feature": {"name": "b", "version": 1, "owner": {"features": {"totalCount": 2}}}},
        "five": {"feature": {"name": "c", "status": "ARCHIVED", "version": 4, "auditEntries": {"totalCount": 4}}},
    }
    assert list(answer) == ["one", "two", "stale", "taken", "four", "five"]
    transactions = await world.owner.fetchval("SELECT count(DISTINCT xmin::text) FROM outbox")
    assert (transactions, await world.owner.fetchval("SELECT count(*) FROM outbox")) == (5, 5)
    await assert_sound(world.owner)


def versions(newest: int) -> list[dict[str, int]]:
    return [{"version": version} for version in range(newest, 0, -1)]


async def test_a_mutation_that_fails_at_the_top_leaves_those_before_it_in_force(world: World) -> None:
    text = """mutation($of: ID!) {
      mine: createFeature(input: {name: "a"}) { feature { name } }
      theirs: createFeature(input: {name: "b", ownerId: $of}) { feature { name } }
    }"""
    answer = await world.ask(text, "user", of=world.id_of("other"))
    assert answer["data"] is None
    assert [(error["path"], error["extensions"]["code"]) for error in answer["errors"]] == [(["theirs"], "FORBIDDEN")]
    assert [row[0] for row in await world.owner.fetch("SELECT name FROM features")] == ["a"]


# Owners


async def test_an_administrator_creates_for_any_owner_and_the_trail_says_who_did(world: World) -> None:
    feature = await written(world, "createFeature", "admin", name="For you", ownerId=world.id_of("user"))
    assert feature["owner"]["id"] == world.id_of("user")
    entry = await world.owner.fetchrow("SELECT actor_id, owner_id FROM audit_entries")
    assert entry is not None and tuple(entry) == (world.users["admin"], world.users["user"])
    counted = await world.owner.fetch("SELECT name FROM users WHERE active_features = 1")
    assert [row[0] for row in counted] == ["user"]
    # The name is taken for the owner, and free for everybody else.
    error: dict[str, Any] = {"path": ["input", "name"], "existingId": feature["id"]}
    error |= {"__typename": "DuplicateNameError", "code": "DUPLICATE_NAME"}
    assert await refused(world, "createFeature", "user", name="For you") == [error]
    await world.create("For you", who="admin")


async def test_an_owner_who_does_not_exist_is_not_found(world: World) -> None:
    nobody = global_id("User", UUID(int=7))
    error = {"__typename": "NotFoundError", "code": "NOT_FOUND", "path": ["input", "ownerId"]}
    assert await refused(world, "createFeature", "admin", name="x", ownerId=nobody) == [error]
    answer = await world.ask(document("createFeature"), "manager", input={"name": "x", "ownerId": nobody})
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
