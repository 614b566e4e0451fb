"""POST /api/v2/features/import: what is created, which lines are bad and why, and that an export comes back."""

from typing import Any

import httpx
import orjson
import pytest

from tests.fixtures.endpoint import world_with
from tests.fixtures.rest import PLENTY, V2, call, made, refusal
from tests.fixtures.world import Who, World
from tests.fixtures.writes import assert_sound, nothing_written

IMPORT, JSONL, CSV = f"{V2}/import", "application/jsonl", "text/csv"


async def sent(world: World, body: bytes, media: str = JSONL, query: str = "", who: Who = "user") -> httpx.Response:
    return await call(world, "POST", f"{IMPORT}?{query}", who, body, content_type=media)


def bad(answer: httpx.Response) -> list[tuple[int, str, list[str]]]:
    """(line, code, bad fields) of each bad line."""
    return [
        (line["line"], line["code"], [error["field"] for error in line.get("errors", [])])
        for line in answer.json()["data"]["bad_lines"]
    ]


async def names(world: World, who: Who = "user") -> list[str]:
    listed = await call(world, "GET", f"{V2}?first=100&sort=name:asc", who)
    return [feature["name"] for feature in listed.json()["data"]]


LINES = b"""{"name": "one", "description": "d", "metadata": {"tags": ["x"]}}

{"name": ""}
{"name": "one"}
{"name": 1, "x": 2}
{"name": "two", "status": "archived"}
[]
{"name": "three"
{"name": "three", "name": "four"}
{"name": "f\xff"}
{"name": "theirs", "owner_id": "01999999-0000-7000-8000-000000000000"}
{"name": "five"}"""
BAD_BEFORE = [
    (3, "VALIDATION_ERROR", ["name"]),
    (5, "VALIDATION_ERROR", ["name", "x"]),
    (6, "VALIDATION_ERROR", ["status"]),
    (7, "VALIDATION_ERROR", [""]),
    (8, "INVALID_JSON", []),
    (9, "INVALID_JSON", []),
    (10, "INVALID_JSON", []),
    (11, "FORBIDDEN", []),
]


async def test_every_bad_line_is_told_and_the_others_are_created(world: World) -> None:
    answer = await sent(world, LINES)
    assert answer.status_code == 207
    assert bad(answer) == sorted([*BAD_BEFORE, (4, "DUPLICATE_NAME", [])])
    assert (answer.json()["data"]["lines"], answer.json()["data"]["dry_run"]) == (2, False)
    assert await names(world) == ["five", "one"]
    await assert_sound(world.owner)


async def test_dry_run_tells_what_is_known_beforehand_and_writes_nothing(world: World) -> None:
    async with nothing_written(world):
        answer = await sent(world, LINES, query="dry_run=true")
    assert (answer.status_code, bad(answer)) == (207, BAD_BEFORE)
    assert (answer.json()["data"]["lines"], answer.json()["data"]["dry_run"]) == (3, True)


async def test_to_send_it_again_creates_nothing_twice(world: World) -> None:
    body = b'{"name": "one"}\n{"name": "two"}\n'
    assert (await sent(world, body)).status_code == 200
    async with nothing_written(world):
        answer = await sent(world, body)
    assert bad(answer) == [(1, "DUPLICATE_NAME", []), (2, "DUPLICATE_NAME", [])]


TABLE = b"""\xef\xbb\xbfname,description,metadata\r
"a ""b"", c","two
lines","{""category"": ""c""}"\r
'=1+1,,\r
'til dawn,'x,\r
short\r
bad,,[1]\r
worse,,{\r
,,\r
\r
last,,\r
"""


async def test_csv_is_read_with_its_quotes_lines_and_guards(world: World) -> None:
    answer = await sent(world, TABLE, CSV)
    assert bad(answer) == [
        (6, "VALIDATION_ERROR", []),
        (7, "VALIDATION_ERROR", ["metadata"]),
        (8, "VALIDATION_ERROR", ["metadata"]),
        (9, "VALIDATION_ERROR", ["name"]),
    ]
    assert await names(world) == ["'til dawn", "=1+1", 'a "b", c', "last"]
    listed = (await call(world, "GET", f"{V2}?q=lines")).json()["data"]
    assert [(found["description"], found["category"]) for found in listed] == [("two\nlines", "c")]


@pytest.mark.parametrize(
    ("body", "line"),
    [(b"name\nf\xff\n", 2), (b"name,name\na,b\n", 1), (b'name\na\n"b', 3), (b'name\n"a"b\n', 2), (b"title\na\n", 2)],
)
async def test_csv_that_cannot_be_read_says_where(world: World, body: bytes, line: int) -> None:
    answer = await sent(world, body, CSV)
    assert [(number, code) for number, code, _ in bad(answer)] == [(line, "VALIDATION_ERROR")]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_export_comes_back_as_it_was(world: World, form: str) -> None:
    for number, name in enumerate(["plain", "=1+1", "'=quoted", "ünï\u2028code", 'a,"b"\\']):
        await made(world, name, description=f"-{name}\r\n{number}", metadata={"tags": ["x", name], "n": number})
    exported = await call(world, "GET", f"{V2}/export?format={form}")
    before = exported.content
    await world.owner.execute("UPDATE features SET name = 'old ' || name")
    assert (await sent(world, before, exported.headers["content-type"].split(";")[0])).status_code == 200
    again = [orjson.loads(line) for line in (await call(world, "GET", f"{V2}/export")).content.splitlines()]
    kept: list[dict[str, Any]] = [row for row in again if not row["name"].startswith("old ")]
    old = {row["name"].removeprefix("old "): row for row in again if row["name"].startswith("old ")}
    assert len(kept) == 5
    for row in kept:
        for field in ("description", "metadata", "tags", "status", "owner_id"):
            assert row[field] == old[row["name"]][field]


async def test_batches_follow_each_other_and_the_limit_holds_across_them(world: World) -> None:
    async with world_with(world, active_feature_limit=405, **PLENTY) as wide:
        answer = await sent(wide, b"".join(b'{"name": "feature %d"}\n' % number for number in range(410)))
    assert bad(answer) == [(number, "FEATURE_LIMIT_EXCEEDED", []) for number in range(406, 411)]
    assert answer.json()["data"]["lines"] == 405
    await assert_sound(world.owner)


async def test_what_is_no_document_is_refused_before_anything_is_done(world: World) -> None:
    async with nothing_written(world):
        assert refusal(await sent(world, b"{}", "application/json")) == (415, "UNSUPPORTED_MEDIA_TYPE")
        assert refusal(await sent(world, b'{"name": "a"}\n' * 10_001)) == (413, "PAYLOAD_TOO_LARGE")
        assert refusal(await sent(world, b'{"name": "a"}\n', query="dry_run=yes")) == (400, "VALIDATION_ERROR")
        async with world_with(world, max_import_bytes=1_000) as narrow:
            assert refusal(await sent(narrow, b'{"name": "a"}\n' * 100)) == (413, "PAYLOAD_TOO_LARGE")
        assert (await sent(world, b"")).json()["data"] == {"dry_run": False, "lines": 0, "bad_lines": []}
