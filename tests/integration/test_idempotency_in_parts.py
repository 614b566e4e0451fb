"""Many writes under one Idempotency-Key, each refused or done by itself: what was done is kept with what was refused,
in one transaction (R9)."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.fixtures.endpoint import world_with
from tests.fixtures.rest import PLENTY, V2, call, made, refusal
from tests.fixtures.world import Who, World
from tests.fixtures.writes import assert_sound, nothing_written

type Item = dict[str, object]


async def bulk(world: World, items: list[Item], key: str = "k", who: Who = "user") -> httpx.Response:
    return await call(world, "POST", f"{V2}/bulk", who, {"items": items}, idempotency_key=key)


async def sent(world: World, lines: bytes, key: str = "k", query: str = "") -> httpx.Response:
    path = f"{V2}/import?{query}"
    return await call(world, "POST", path, "user", lines, content_type="application/jsonl", idempotency_key=key)


def new(name: str) -> Item:
    return {"op": "create", "name": name}


def statuses(answer: httpx.Response) -> list[int]:
    return [done["status"] for done in answer.json()["data"]]


async def names(world: World) -> list[str]:
    return [row[0] for row in await world.owner.fetch("SELECT name FROM features ORDER BY name")]


def same(again: httpx.Response, first: httpx.Response) -> bool:
    told = (again.status_code, again.content) == (first.status_code, first.content)
    return told and again.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers


@pytest.mark.parametrize("walls", ["off", "on"])
async def test_parts_of_a_bulk_are_refused_alone_and_the_whole_is_replayed(world: World, walls: str) -> None:
    async with world_with(world, database_row_security=walls) as asked:
        theirs, mine = await made(asked, "theirs", "other"), await made(asked, "mine")
        items: list[Item] = [
            new("a"),
            new("a"),
            {"op": "update", "id": mine["id"], "if_match": 1, "name": "ours"},
            {"op": "update", "id": mine["id"], "if_match": 1, "name": "late"},
            {"op": "archive", "id": theirs["id"], "if_match": "*"},
            {"op": "create", "name": ""},
            new("mine"),
            {"op": "delete", "id": mine["id"], "if_match": 2},
        ]
        first = await bulk(asked, items)
        assert (first.status_code, statuses(first)) == (207, [201, 409, 200, 412, 404, 400, 201, 204])
        async with nothing_written(asked):
            assert same(await bulk(asked, items), first)
        assert await names(asked) == ["a", "mine", "ours", "theirs"]
        assert refusal(await bulk(asked, items[:1])) == (422, "IDEMPOTENCY_KEY_REUSED")
        await assert_sound(asked.owner)
        assert {pool.lent for pool in asked.wiring.row_security.pools().values()} == {0}


async def test_bulk_of_which_nothing_was_done_runs_anew(world: World) -> None:
    taken = await made(world, "a")
    async with nothing_written(world):
        assert statuses(await bulk(world, [new("a"), new("")])) == [409, 400]
    await call(world, "DELETE", f"{V2}/{taken['id']}", if_match="*")
    again = await bulk(world, [new("a"), new("")])
    assert (statuses(again), "idempotency-replayed" in again.headers) == ([201, 400], False)


async def test_one_refused_by_the_limit_leaves_the_others(world: World) -> None:
    async with world_with(world, active_feature_limit=2) as asked:
        items = [new("a"), new("b"), new("c"), new("d")]
        first = await bulk(asked, items)
        assert statuses(first) == [201, 201, 409, 409]
        assert same(await bulk(asked, items), first)
        await assert_sound(asked.owner)


async def test_database_that_fails_midway_undoes_all_and_the_key_is_free(world: World) -> None:
    async with world_with(world, database_statement_timeout=1) as asked:
        owner = asked.owner
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute(  # whoever takes the name waits for this one
            "INSERT INTO features (id, owner_id, name, status, metadata, version, created_at, updated_at) VALUES "
            "('01890a5d-ac96-774b-bcce-b302099a8057', $1, 'b', 'INACTIVE', '{}', 1, now(), now())",
            asked.users["user"],
        )
        assert refusal(await bulk(asked, [new("a"), new("b"), new("c")])) == (503, "UNAVAILABLE")
        await transaction.rollback()
        assert await names(asked) == []
        assert statuses(await bulk(asked, [new("a"), new("b"), new("c")])) == [201, 201, 201]
        await assert_sound(owner)


async def test_bulks_that_name_the_same_features_crosswise_do_not_wait_for_each_other_for_ever(world: World) -> None:
    async with world_with(world, **PLENTY) as plenty:
        ids = [(await made(plenty, f"feature {n}"))["id"] for n in range(20)]

        async def renamed(number: int) -> httpx.Response:
            order = ids if number % 2 else ids[::-1]
            items = [{"op": "update", "id": id, "if_match": "*", "description": f"by {number}"} for id in order]
            return await bulk(plenty, [*items, new(f"more {number}")], f"k{number}")

        answers = await asyncio.gather(*(renamed(number) for number in range(8)))
        assert [answer.status_code for answer in answers] == [200] * 8
        await assert_sound(plenty.owner)


async def test_of_many_bulks_at_once_under_one_key_one_is_done(world: World) -> None:
    async with world_with(world, **PLENTY) as plenty:
        items = [new("a"), new("a"), new("b")]
        answers = await asyncio.gather(*(bulk(plenty, items) for _ in range(20)))
        assert {answer.status_code for answer in answers} <= {207, 409}
        assert len({answer.content for answer in answers if answer.status_code == 207}) == 1
        assert await names(plenty) == ["a", "b"]


LINES = b'{"name": "one"}\n{"name": ""}\n{"name": "one"}\n' + b"".join(b'{"name": "n%d"}\n' % n for n in range(450))


async def test_import_under_a_key_is_done_once_bad_lines_and_all(world: World) -> None:
    async with world_with(world, active_feature_limit=1000) as asked:
        first = await sent(asked, LINES)
        report: Any = first.json()["data"]
        assert (first.status_code, report["lines"]) == (207, 451)
        assert [line["line"] for line in report["bad_lines"]] == [2, 3]
        async with nothing_written(asked):
            assert same(await sent(asked, LINES), first)
            assert refusal(await sent(asked, LINES + b"\n")) == (422, "IDEMPOTENCY_KEY_REUSED")
        assert len(await names(asked)) == 451
        await assert_sound(asked.owner)


async def test_dry_run_and_an_import_of_nothing_but_bad_lines_are_not_kept(world: World) -> None:
    async with nothing_written(world):
        assert (await sent(world, b'{"name": "a"}', query="dry_run=true")).status_code == 200
        assert (await sent(world, b'{"name": ""}')).status_code == 207
    assert await world.owner.fetchval("SELECT count(*) FROM idempotency_keys") == 0
    assert (await sent(world, b'{"name": "a"}')).status_code == 200
    assert await names(world) == ["a"]


async def test_import_that_fails_midway_is_undone_as_a_whole(world: World) -> None:
    async with world_with(world, database_statement_timeout=1, active_feature_limit=1000) as asked:
        transaction = asked.owner.transaction()
        await transaction.start()
        await asked.owner.execute(
            "INSERT INTO features (id, owner_id, name, status, metadata, version, created_at, updated_at) VALUES "
            "('01890a5d-ac96-774b-bcce-b302099a8057', $1, 'n400', 'INACTIVE', '{}', 1, now(), now())",
            asked.users["user"],
        )
        assert refusal(await sent(asked, LINES)) == (503, "UNAVAILABLE")
        await transaction.rollback()
        assert await names(asked) == []
