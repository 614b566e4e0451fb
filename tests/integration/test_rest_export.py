"""GET /api/v2/features/export: who gets what, in which form, and what is seen while others write."""

import csv
from collections import Counter
from io import StringIO
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.feature import export
from app.domain.feature.model import FeatureFilter
from app.kernel.actor import Actor
from app.kernel.clock import new_id
from app.rest import cells
from tests.fixtures.examples import examples
from tests.fixtures.rest import V2, call, made, refusal
from tests.fixtures.world import World, insert

EXPORT = f"{V2}/export"


def rows(answer: httpx.Response) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in answer.content.splitlines()]


def table(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(answer.text, newline=""), strict=True))


async def test_each_line_is_what_the_list_shows_newest_first(world: World) -> None:
    for name in ("one", "two", "three"):
        await made(world, name, description="ü\n", metadata={"category": "c", "tags": ["a", "b"], "n": 1.5})
    answer = await call(world, "GET", EXPORT)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jsonl; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="features.jsonl"'
    assert answer.headers["cache-control"] == "no-store"
    assert rows(answer) == (await call(world, "GET", V2)).json()["data"]
    assert answer.content.endswith(b"\n")


async def test_csv_has_a_header_ends_its_lines_by_the_rfc_and_keeps_every_value(world: World) -> None:
    feature = await made(world, 'a "b", c', description="two\nlines", metadata={"tags": ["x", "y"]})
    answer = await call(world, "GET", f"{EXPORT}?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    lines = answer.content.split(b"\r\n")
    assert lines[0] == b",".join(name.encode() for name in feature)
    assert lines[-1] == b"" and len(lines) == 3
    [found] = table(answer)
    assert orjson.loads(found.pop("metadata")) == feature.pop("metadata")
    assert orjson.loads(found.pop("tags")) == feature.pop("tags")
    assert found == {name: "" if value is None else str(value) for name, value in feature.items()}


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "'=1", "＝1"])
async def test_no_cell_is_a_formula(world: World, name: str) -> None:
    await made(world, name, description=f"\t{name}")
    [found] = table(await call(world, "GET", f"{EXPORT}?format=csv"))
    assert (found["name"], found["description"]) == (f"'{name}", f"'\t{name}")


@examples(100)
@given(st.text(st.sampled_from("'=+-@\t\r\n＝＋－＠a ")) | st.text())
def test_guarded_cell_begins_no_formula_and_comes_back_as_it_was(cell: str) -> None:
    guarded = cells.guarded(cell)
    assert guarded[:1] not in tuple("=+-@\t\r\n＝＋－＠")
    assert cells.unguarded(guarded) == cell


@pytest.mark.parametrize(
    ("query", "accept", "kind"),
    [
        ("", "", "application/jsonl"),
        ("", "*/*", "application/jsonl"),
        ("", "text/csv", "text/csv"),
        ("", "application/x-ndjson", "application/jsonl"),
        ("", "text/csv;q=0.5, application/jsonl", "application/jsonl"),
        ("format=jsonl", "text/csv", "application/jsonl"),
        ("format=csv", "*/*", "text/csv"),
    ],
)
async def test_form_is_what_the_address_says_or_else_what_is_accepted(
    world: World, query: str, accept: str, kind: str
) -> None:
    answer = await call(world, "GET", f"{EXPORT}?{query}", accept=accept)
    assert answer.headers["content-type"].split(";")[0] == kind


async def test_what_cannot_be_answered_is_said_before_anything_is_sent(world: World) -> None:
    assert refusal(await call(world, "GET", EXPORT, accept="application/json")) == (406, "NOT_ACCEPTABLE")
    for query in ("format=xml", "sort=name:asc", "first=1", "status=burning", "owner_id=x"):
        assert refusal(await call(world, "GET", f"{EXPORT}?{query}")) == (400, "VALIDATION_ERROR")
    assert refusal(await call(world, "POST", EXPORT, body={})) == (405, "METHOD_NOT_ALLOWED")


async def test_head_reads_nothing(world: World) -> None:
    await made(world, "one")
    world.statements.clear()
    answer = await call(world, "HEAD", EXPORT)
    assert (answer.status_code, answer.content) == (200, b"")
    assert "feature.page" not in world.statements


async def test_filters_are_those_of_the_list(world: World) -> None:
    await made(world, "one", metadata={"category": "c"})
    two = await made(world, "two", metadata={"tags": ["t"]})
    three = await made(world, "three")
    await call(world, "DELETE", f"{V2}/{three['id']}", if_match="*")
    await call(world, "POST", f"{V2}/{two['id']}/archive", if_match="*")
    for query in ("", "status=deleted", "status=active&status=archived", "category=c", "tag=t", "q=two", "tag=none"):
        listed = (await call(world, "GET", f"{V2}?{query}")).json()["data"]
        assert rows(await call(world, "GET", f"{EXPORT}?{query}")) == listed, query


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1001])
async def test_pages_are_statements_and_every_row_comes_once(world: World, count: int) -> None:
    owner = world.users["user"]
    await world.owner.execute(
        """INSERT INTO features (id, owner_id, name, status, metadata, version, created_at, updated_at)
        SELECT gen_random_uuid(), $1, 'feature ' || n, 'INACTIVE', '{}', 1,
               timestamptz '2026-01-01' + (n / 7) * interval '1 second', now() FROM generate_series(1, $2) n""",
        owner,
        count,
    )
    world.statements.clear()
    found = rows(await call(world, "GET", EXPORT))
    assert len(found) == len({row["id"] for row in found}) == count
    assert Counter(world.statements)["feature.page"] == max(1, -(-count // export.PAGE))


async def test_every_row_that_was_there_is_seen_once_whatever_is_written_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE", 7)
    before = [(await made(world, f"feature {number}"))["id"] for number in range(60)]
    gone = before.pop(5)
    await call(world, "DELETE", f"{V2}/{gone}", if_match="*")
    service = world.wiring.context(Actor(world.users["user"], "USER"), "r", "", 0).feature
    seen: list[str] = []
    async for page in service.export(FeatureFilter()):
        seen += [str(feature.id) for feature in page]
        number = len(seen)
        created = await made(world, f"new {number}")
        await call(world, "DELETE", f"{V2}/{created['id']}", if_match="*")
        await made(world, f"newer {number}", metadata={"tags": ["x"]})
        for place in (0, 1, number % len(before)):  # oldest first, so not yet seen but for the last pages
            await call(world, "DELETE", f"{V2}/{before[place]}", if_match="*")
        await call(world, "PATCH", f"{V2}/{before[2]}", body={"name": f"renamed {number}"}, if_match="*")
        await insert(
            world.owner,
            "features",
            {
                "id": new_id(),
                "owner_id": world.users["other"],
                "name": f"of another {number}",
                "status": "INACTIVE",
                "metadata": "{}",
                "version": 1,
                "created_at": await world.owner.fetchval("SELECT min(created_at) FROM features"),
                "updated_at": await world.owner.fetchval("SELECT now()"),
            },
        )
    assert sorted(seen) == sorted(before)
