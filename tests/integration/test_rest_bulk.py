"""POST /api/v2/features/bulk on a real database: each item as its own call would do it, or all of them or none."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.fixtures.rest import V2, call, made, refusal
from tests.fixtures.world import Who, World
from tests.fixtures.writes import assert_sound, nothing_written

BULK = f"{V2}/bulk"

type Item = dict[str, Any]


async def bulk(world: World, items: list[Item], who: Who = "user", *, atomic: bool = False) -> httpx.Response:
    return await call(world, "POST", BULK, who, {"atomic": atomic, "items": items})


def act(op: str, feature: Item, if_match: object = "*", **fields: object) -> Item:
    return {"op": op, "id": feature["id"], "if_match": if_match, **fields}


def said(answer: httpx.Response) -> list[str]:
    """Of each item its status, and the version or the code."""
    return [
        f"{item['status']} {item['problem']['code'] if 'problem' in item else item.get('data', {}).get('version', '')}"
        for item in answer.json()["data"]
    ]


async def test_each_item_is_what_its_own_call_would_be(world: World) -> None:
    one, two, three = [await made(world, name, metadata={"a": 1}) for name in ("one", "two", "three")]
    answer = await bulk(
        world,
        [
            {"op": "create", "name": "four", "description": "d", "metadata": {"tags": ["x"]}},
            act("update", one, 1, name="uno", metadata={"b": 2}, status="inactive"),
            act("archive", two),
            act("activate", two, 2),
            act("deactivate", two),
            act("delete", three, 1),
            act("restore", three, 2),
            act("update", one, 2, name="uno"),
        ],
    )
    assert answer.status_code == 200, answer.text
    assert said(answer) == ["201 1", "200 2", "200 2", "200 3", "200 4", "204 ", "200 3", "200 2"]
    body = answer.json()
    assert (body["summary"], set(body)) == ({"succeeded": 8, "failed": 0}, {"data", "summary", "meta"})
    changed = body["data"][1]["data"]
    assert (changed["name"], changed["metadata"], changed["status"]) == ("uno", {"a": 1, "b": 2}, "inactive")
    for item in (body["data"][0], body["data"][6], body["data"][7]):
        alone = await call(world, "GET", f"{V2}/{item['data']['id']}")
        assert item["data"] == alone.json()["data"]
    await assert_sound(world.owner)


async def test_refusals_stand_at_their_items_and_the_others_are_done(world: World) -> None:
    mine, theirs = await made(world, "mine"), await made(world, "theirs", "manager")
    answer = await bulk(
        world,
        [
            act("update", mine, 7, name="x"),
            {"op": "create", "name": "mine"},
            act("archive", theirs),
            {"op": "create", "name": " ", "description": "x" * 2001},
            act("archive", mine, 1),
            act("deactivate", mine),
        ],
    )
    assert answer.status_code == 207
    assert said(answer) == [
        "412 STALE_VERSION",
        "409 DUPLICATE_NAME",
        "404 NOT_FOUND",
        "400 VALIDATION_ERROR",
        "200 2",
        "409 INVALID_TRANSITION",
    ]
    bad = answer.json()["data"][3]["problem"]
    assert bad["instance"] == f"{BULK}#/items/3"
    assert [(error["field"], error["issue"]) for error in bad["errors"]] == [
        ("name", "min_length"),
        ("description", "max_length"),
    ]
    assert answer.json()["summary"] == {"succeeded": 1, "failed": 5}
    await assert_sound(world.owner)


async def test_all_or_none_leaves_nothing_behind_where_one_is_refused(world: World) -> None:
    feature = await made(world, "feature")
    items = [
        {"op": "create", "name": "new"},
        act("archive", feature),
        {"op": "create", "name": "new"},
        act("restore", feature),
    ]
    async with nothing_written(world):
        answer = await bulk(world, items, atomic=True)
    assert (answer.status_code, said(answer)) == (207, ["424 UNDONE", "424 UNDONE", "409 DUPLICATE_NAME", "424 UNDONE"])
    assert "item 2" in answer.json()["data"][0]["problem"]["detail"]
    del items[2]
    answer = await bulk(world, items, atomic=True)
    assert (answer.status_code, said(answer)) == (200, ["201 1", "200 2", "200 2"])
    await assert_sound(world.owner)


async def test_at_99_active_features_five_more_are_one_or_none(world: World) -> None:
    names = [{"op": "create", "name": f"feature {number}"} for number in range(99)]
    assert (await bulk(world, names, atomic=True)).status_code == 200
    more = [{"op": "create", "name": f"more {number}"} for number in range(5)]
    async with nothing_written(world):
        answer = await bulk(world, more, atomic=True)
    assert said(answer) == ["424 UNDONE", "409 FEATURE_LIMIT_EXCEEDED", *["424 UNDONE"] * 3]
    answer = await bulk(world, more)
    assert said(answer) == ["201 1", *["409 FEATURE_LIMIT_EXCEEDED"] * 4]
    await assert_sound(world.owner)


async def test_statements_are_two_for_all_and_one_for_each_item(world: World) -> None:
    features = [await made(world, f"feature {number}") for number in range(20)]
    for count in (1, 20):
        for op in ("archive", "activate"):
            world.statements.clear()
            answer = await bulk(world, [act(op, feature) for feature in features[:count]], atomic=True)
            assert answer.status_code == 200
            found = Counter(name for name in world.statements if name != "user.role")
            assert found == {"feature.all_for_update": 1, "user.lock": 1, "feature.update": count}


async def test_bulks_on_the_same_features_in_any_order_never_lock_each_other_out(world: World) -> None:
    owners: list[Who] = ["user", "manager", "admin"]
    features = [await made(world, f"feature {number} {who}", who) for number in range(8) for who in owners]
    ops = ("archive", "activate")
    orders = [features, features[::-1], features[7:] + features[:7], features[::2] + features[1::2]]

    async def one(number: int) -> httpx.Response:
        items = [act(ops[number % 2], feature) for feature in orders[number % 4]]
        items.append({"op": "create", "name": f"new {number % 5}"})
        items.append(act("update", orders[number % 4][0], name=f"name {number % 3}"))
        return await bulk(world, items, "admin", atomic=True)

    answers = await asyncio.gather(*(one(number) for number in range(24)))
    codes = Counter(code for answer in answers for code in said(answer) if not code.startswith("20"))
    assert {answer.status_code for answer in answers} <= {200, 207}, [answer.text for answer in answers][:1]
    assert set(codes) <= {"409 DUPLICATE_NAME", "424 UNDONE"}
    assert any(answer.status_code == 200 for answer in answers)
    await assert_sound(world.owner)


async def test_bulk_and_single_writes_of_one_owner_leave_every_trail_whole(world: World) -> None:
    features = [await made(world, f"feature {number}") for number in range(6)]

    async def single(number: int) -> httpx.Response:
        name = ("archive", "activate")[number % 2]
        return await call(world, "POST", f"{V2}/{features[number % 6]['id']}/{name}", if_match="*")

    async def many(number: int) -> httpx.Response:
        items = [act(("archive", "activate")[number % 2], feature) for feature in features[:: 1 if number % 2 else -1]]
        return await bulk(world, items, atomic=number % 3 > 0)

    answers = await asyncio.gather(*(one(number) for number in range(15) for one in (single, many)))
    assert {answer.status_code for answer in answers} == {200}
    await assert_sound(world.owner)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["items"]),
        ({"items": []}, ["items"]),
        ({"items": {}}, ["items"]),
        ({"items": [1]}, ["items.0"]),
        ({"items": [{"op": "explode"}]}, ["items.0.op"]),
        ({"items": [{"op": "create", "name": "a", "id": "b"}]}, ["items.0.id"]),
        ({"items": [{"op": "archive", "id": "b"}]}, ["items.0.id", "items.0.if_match"]),
        ({"items": [{"op": "create", "name": "a"}], "atomic": "yes", "x": 1}, ["atomic", "x"]),
        ({"items": [{"op": "create", "name": "a"}] * 1001}, ["items"]),
    ],
)
async def test_what_is_no_bulk_is_refused_as_a_whole(world: World, body: object, fields: list[str]) -> None:
    async with nothing_written(world):
        answer = await call(world, "POST", BULK, body=body)
    assert refusal(answer) == (400, "VALIDATION_ERROR")
    assert [error["field"] for error in answer.json()["errors"]] == fields


async def test_if_match_is_a_version_or_a_star(world: World) -> None:
    feature = await made(world, "feature")
    wrongs: tuple[object, ...] = (0, -1, 1.0, True, "1", None, [], 2**31)
    for wrong in wrongs:
        answer = await bulk(world, [act("archive", feature, wrong)])
        assert refusal(answer) == (400, "VALIDATION_ERROR")


async def test_token_that_may_do_one_of_the_acts_may_do_that_one_in_bulk(world: World) -> None:
    feature = await made(world, "feature")
    query = "mutation($input: CreateApiTokenInput!) { createApiToken(input: $input) { secret userErrors { message } } }"
    scopes = ["FEATURES_READ", "FEATURES_ARCHIVE"]
    input = {"kind": "PERSONAL", "name": "archivist", "scopes": scopes, "expiresAt": "2027-01-01T00:00:00Z"}
    secret = (await world.data(query, "user", input=input))["createApiToken"]["secret"]
    body = {"items": [act("archive", feature), {"op": "create", "name": "new"}, act("activate", feature)]}
    answer = await call(world, "POST", BULK, body=body, authorization=f"Bearer {secret}")
    assert said(answer) == ["200 2", "403 FORBIDDEN", "403 FORBIDDEN"]


@pytest.mark.usefixtures("no_wall")
@pytest.mark.parametrize("atomic", [False, True])
async def test_refused_permissions_are_security_events_once_for_each_kind(world: World, atomic: bool) -> None:
    theirs = [await made(world, f"theirs {number}", "manager") for number in range(3)]
    answer = await bulk(world, [act("archive", feature) for feature in theirs], atomic=atomic)
    assert said(answer)[0] == "404 NOT_FOUND"
    await world.wiring.security_events.flush()
    kept = await world.owner.fetch("SELECT kind, actor_id, subject, facts ->> 'code' FROM security_events")
    assert [tuple(row) for row in kept] == [("PERMISSION_DENIED", world.users["user"], "features:archive", "NOT_FOUND")]


async def test_many_changes_all_or_none_are_done_once_under_a_key(world: World) -> None:
    items = [{"op": "create", "name": name} for name in ("a", "b")]

    async def keyed(items: list[Item]) -> httpx.Response:
        return await call(world, "POST", BULK, "user", {"atomic": True, "items": items}, idempotency_key="k")

    refused = await keyed([*items, {"op": "create", "name": "a"}])
    assert (refused.status_code, refused.json()["summary"]) == (207, {"succeeded": 0, "failed": 3})
    assert await world.owner.fetchval("SELECT count(*) FROM features") == 0
    first, second = await keyed(items), await keyed(items)
    assert (first.status_code, second.content) == (200, first.content)
    assert await world.owner.fetchval("SELECT count(*) FROM features") == 2
