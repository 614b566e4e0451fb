"""POST /api/v2/features/{id}/revert: to what the feature was at an earlier version, under the rules of any write."""

from typing import Any

import pytest

from tests.fixtures.endpoint import world_with
from tests.fixtures.rest import V2, call, made, refusal
from tests.fixtures.tokens import planted_token
from tests.fixtures.world import Who, World
from tests.fixtures.writes import assert_sound, nothing_written


async def reverted(world: World, id: str, version: object, who: Who = "user", tag: str = "*", **headers: str) -> Any:
    return await call(world, "POST", f"{V2}/{id}/revert", who, {"version": version}, if_match=tag, **headers)


async def changed(world: World) -> str:
    """Version 1 `lamp`, active; 2 renamed, described, with other metadata; 3 archived."""
    id: str = (await made(world, "lamp", metadata={"tags": ["a"], "deep": {"n": 1.5}}))["id"]
    body = {"name": "torch", "description": "new", "metadata": {"tags": None, "category": "light"}}
    await call(world, "PATCH", f"{V2}/{id}", body=body, if_match="*")
    await call(world, "POST", f"{V2}/{id}/archive", if_match="*")
    return id


@pytest.mark.parametrize("walls", ["off", "on"])
async def test_revert_brings_back_all_that_a_version_was(world: World, walls: str) -> None:
    async with world_with(world, database_row_security=walls) as asked:
        id = await changed(asked)
        answer = await reverted(asked, id, 1, tag='"3"')
        data = answer.json()["data"]
        assert (answer.status_code, answer.headers["etag"], data["version"]) == (200, '"4"', 4)
        assert (data["name"], data["description"], data["status"]) == ("lamp", None, "active")
        assert (data["metadata"], data["tags"], data["category"]) == ({"tags": ["a"], "deep": {"n": 1.5}}, ["a"], None)
        entry = (await call(asked, "GET", f"{V2}/{id}/audit-entries?first=1")).json()["data"][0]
        assert (entry["action"], entry["version"]) == ("revert", 4)
        assert [change["field"] for change in entry["changes"]] == ["name", "description", "status", "metadata"]
        await assert_sound(asked.owner)


@pytest.mark.parametrize("version", [3, 3.0])  # one number in JSON
async def test_revert_to_what_it_is_changes_nothing(world: World, version: float) -> None:
    id = await changed(world)
    async with nothing_written(world):
        assert (await reverted(world, id, version)).json()["data"]["version"] == 3


async def test_revert_of_a_revert_is_the_way_back(world: World) -> None:
    id = await changed(world)
    await reverted(world, id, 1)
    assert refusal(await reverted(world, id, 3, tag='"1"')) == (412, "STALE_VERSION")
    assert (await reverted(world, id, 3)).json()["data"]["status"] == "archived"
    await assert_sound(world.owner)


async def test_revert_keeps_the_rules_of_names_limits_and_statuses(world: World) -> None:
    async with world_with(world, active_feature_limit=2) as asked:
        id = await changed(asked)
        await call(asked, "POST", f"{V2}/{id}/activate", if_match="*")
        await call(asked, "POST", f"{V2}/{id}/deactivate", if_match="*")
        await call(asked, "POST", f"{V2}/{id}/archive", if_match="*")
        first = await made(asked, "lamp")
        async with nothing_written(asked):
            assert refusal(await reverted(asked, id, 1)) == (409, "DUPLICATE_NAME")
            assert refusal(await reverted(asked, id, 5)) == (409, "INVALID_TRANSITION")  # archived → inactive
        await made(asked, "another")
        await call(asked, "PATCH", f"{V2}/{first['id']}", body={"name": "renamed"}, if_match="*")
        async with nothing_written(asked):
            assert refusal(await reverted(asked, id, 1)) == (409, "FEATURE_LIMIT_EXCEEDED")
        await assert_sound(asked.owner)


async def test_what_is_deleted_is_not_reverted_nor_is_anything_to_being_deleted(world: World) -> None:
    id = await changed(world)
    await call(world, "DELETE", f"{V2}/{id}", if_match="*")
    async with nothing_written(world):
        assert refusal(await reverted(world, id, 1)) == (404, "NOT_FOUND")
    await call(world, "POST", f"{V2}/{id}/restore", if_match="*")
    async with nothing_written(world):
        assert refusal(await reverted(world, id, 4)) == (409, "INVALID_TRANSITION")


@pytest.mark.parametrize("version", [0, -1, 2**31, "1", 1.5, None, True])
async def test_version_that_is_none_is_bad_input(world: World, version: object) -> None:
    id = (await made(world, "lamp"))["id"]
    answer = await reverted(world, id, version)
    assert refusal(answer) == (400, "VALIDATION_ERROR")
    assert [error["field"] for error in answer.json()["errors"]] == ["version"]


async def test_version_that_it_never_had_and_a_feature_of_somebody_else_are_not_found(world: World) -> None:
    id = (await made(world, "lamp"))["id"]
    async with nothing_written(world):
        assert refusal(await reverted(world, id, 2)) == (404, "NOT_FOUND")
        assert refusal(await reverted(world, id, 1, "other")) == (404, "NOT_FOUND")
        assert refusal(await reverted(world, id, 2, tag='"9"')) == (412, "STALE_VERSION")


@pytest.mark.parametrize("scope", ["features:revert", "audit:read"])
async def test_token_without_the_scope_or_without_the_trail_reverts_nothing(world: World, scope: str) -> None:
    id = await changed(world)
    scopes = {"features:read", "features:revert", "audit:read"}
    narrow = await planted_token(world, "user", *sorted(scopes - {scope}))
    async with nothing_written(world):
        assert refusal(await reverted(world, id, 1, authorization=f"Bearer {narrow}")) == (403, "FORBIDDEN")
    enough = await planted_token(world, "user", *sorted(scopes))
    assert (await reverted(world, id, 1, authorization=f"Bearer {enough}")).status_code == 200


async def test_the_same_revert_sent_again_is_done_once(world: World) -> None:
    id = await changed(world)
    first = await reverted(world, id, 1, idempotency_key="k")
    again = await reverted(world, id, 1, idempotency_key="k")
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    await assert_sound(world.owner)
