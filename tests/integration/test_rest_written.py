"""v2 tells of features as the database writes them: random rows, asked for by every role, are the bytes that they would
be if each were made of an object (docs/engine.md, "What is not even made")."""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db import excerpt, feature
from app.kernel.ids import UserId
from app.kernel.want import Outline, Part, Want, Wanted
from app.rest.row_v2 import ALONE, OF_PAGE, PARTS, FeatureV2
from tests.fixtures.changing import OWNERS, STATUSES
from tests.fixtures.examples import examples
from tests.fixtures.reading import Row, Stage, copy, feature_row, opened_stage
from tests.fixtures.rest import V2, call
from tests.fixtures.servers import Servers
from tests.fixtures.world import BIRTH, PEOPLE, Who, World

MADE_ANEW = re.compile(rb',"meta":\{[^{}]*\}\}$')
HEADERS = ("cache-control", "content-type", "etag", "link", "location", "vary", "x-api-version")

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
names = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12)
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)
labels = st.fixed_dictionaries({}, optional={"category": texts, "tags": st.lists(texts, max_size=3)})
metadata = st.builds(lambda free, known: {**free, **known}, st.dictionaries(texts, values, max_size=4), labels).filter(
    lambda found: (
        isinstance(found.get("category", ""), str)
        and isinstance(found.get("tags", []), list)
        and all(isinstance(tag, str) for tag in found.get("tags", []))
    )
)
# With six digits of a second, fewer, or none; in the same moment, too.
times = st.sampled_from([0, 1, 10, 120_000, 500_000, 999_999, 60_000_000]).map(
    lambda count: BIRTH + timedelta(microseconds=count)
)


def in_order(row: Row) -> Row:
    return {**row, "updated_at": max(row["created_at"], row["updated_at"])}


rows = st.lists(
    st.fixed_dictionaries(
        {
            "owner_id": st.integers(0, 2),
            "name": names,
            "description": st.none() | texts,
            "status": st.sampled_from(STATUSES),
            "metadata": metadata.map(lambda found: orjson.dumps(found).decode()),
            "version": st.integers(1, 2**31 - 1),
            "created_at": times,
            "updated_at": times,
        }
    ).map(in_order),
    max_size=9,
    unique_by=lambda row: (row["owner_id"], row["name"]),
)
queries = st.tuples(
    st.sampled_from(["", "first=0", "first=3", "last=2", "first=100"]),
    st.sampled_from(["", "sort=name:asc", "sort=status:desc", "sort=updated_at:asc"]),
    st.sampled_from(["", "status=deleted", "status=active&status=deleted&status=archived&status=inactive", "q=é"]),
).map(lambda parts: "?" + "&".join(filter(None, parts)))


@pytest.fixture(scope="module")
def stage(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with opened_stage(servers, template, tmp_path_factory.mktemp("data")) as stage:
        yield stage


@pytest.fixture(scope="module")
def written() -> Iterator[list[bool]]:
    """Of each answer that the database was to write: could it?"""
    seen: list[bool] = []
    complete = excerpt.complete

    def spy(found: Any) -> bool:
        seen.append(complete(found))
        return seen[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.db.reading.complete", spy)
        patch.setattr("app.db.excerpt.complete", spy)
        yield seen


async def both(world: World, path: str, who: Who) -> tuple[httpx.Response, bool]:
    """The answer, which is the same of objects; and is it one of features?"""
    found = await call(world, "GET", path, who)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("rows", "pages"):
            as_before = getattr(feature.READINGS, name)
            patch.setattr(feature.READINGS, name, partial(unwritten, as_before))
        plain = await call(world, "GET", path, who)
    assert described(found) == described(plain), (path, who)
    return found, found.status_code == 200


async def unwritten(read: Any, fetch: Any, want: Want, *others: Any) -> Any:
    """All of each row, and all about its page, as objects."""
    return await read(fetch, None, *others)


def described(answer: httpx.Response) -> tuple[object, ...]:
    """All of it that is not made anew for each answer."""
    body = answer.content
    if answer.status_code == 200:
        body, count = MADE_ANEW.subn(b"", body)
        assert count == 1
    elif answer.status_code == 404:
        body = answer.json()["code"].encode()
    return answer.status_code, body, [answer.headers.get(name) for name in HEADERS]


async def filled(world: World, drawn: list[Row]) -> list[Row]:
    """Beside what was created, which has a trail, and was deleted."""
    await world.owner.execute("DELETE FROM features WHERE id NOT IN (SELECT feature_id FROM audit_entries)")
    found = [feature_row(**{**row, "owner_id": UserId(world.users[OWNERS[row["owner_id"]]])}) for row in drawn]
    await copy(world, "features", found)
    return found


@given(drawn=rows, query=queries)
@examples(40)
def test_pages_and_single_features_are_the_bytes_that_objects_would_be(
    stage: Stage, written: list[bool], drawn: list[Row], query: str
) -> None:
    async def run() -> None:
        found = await filled(stage.world, drawn)
        for who in PEOPLE:
            del written[:]
            answer, told = await both(stage.world, V2 + query, who)
            assert told and written == [True]
            for url in re.findall("<([^>]*)>", answer.headers.get("link", "")):
                assert (await both(stage.world, url, who))[1]
            sees = [stage.world.users[who]] if who in ("user", "other") else [*stage.world.users.values()]
            for row in found[:3]:
                del written[:]
                _, told = await both(stage.world, f"{V2}/{row['id']}", who)
                assert told is (row["status"] != "DELETED" and row["owner_id"] in sees)
                assert written == [True]

    stage.run(run())


@given(name=names, description=st.none() | texts, sent=metadata.filter(lambda found: len(orjson.dumps(found)) < 4_000))
@examples(25)
def test_what_is_created_is_told_as_it_is_got(
    stage: Stage,
    written: list[bool],
    name: str,
    description: str | None,
    sent: dict[str, Any],
) -> None:
    async def run() -> None:
        del written[:]
        body = {"name": name, "description": description, "metadata": sent}
        answer = await call(stage.world, "POST", V2, "user", body)
        if answer.status_code != 201:  # spaces alone, say
            assert answer.status_code == 400 and not written
            return
        assert written == [True]
        got, told = await both(stage.world, answer.headers["location"], "user")
        assert told and MADE_ANEW.sub(b"", got.content) == MADE_ANEW.sub(b"", answer.content)
        assert answer.headers["etag"] == got.headers["etag"] == '"1"'
        gone = await call(stage.world, "DELETE", answer.headers["location"], "user", if_match="*")
        assert gone.status_code == 204

    stage.run(run())


def test_each_field_is_written_and_may_be_null_where_it_may_be() -> None:
    assert [part.name for part in PARTS] == list(FeatureV2.__annotations__)
    nullable = {
        name for name, type_ in FeatureV2.__annotations__.items() if type(None) in getattr(type_, "__args__", ())
    }
    assert {part.name for part in PARTS if part.nullable} == nullable == {"description", "category", "deleted_at"}
    for want in (ALONE, OF_PAGE):
        assert feature.READINGS.excerpts(want) is not None


def test_small_letters_are_those_of_codes_and_of_no_language() -> None:
    """In a Turkish database the small letter of ACTIVE's I has no dot."""

    def outlined(part: Part) -> Wanted:
        return Wanted(frozenset(), Outline((part,), ("", "")))

    found = feature.READINGS.excerpts(outlined(Part("status", False, small=True)))
    assert found
    assert 'lower(features.status COLLATE "C")' in feature.written_statement(("live",), True, found[0]).text
    for part in (Part("name", False, small=True), Part("status", True, small=True)):
        assert feature.READINGS.excerpts(outlined(part)) is None
