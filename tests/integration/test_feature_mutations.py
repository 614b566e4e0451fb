"""Writes of features over the API: what they change, what they leave behind, and how they are refused."""

from tests.fixtures.world import World


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
