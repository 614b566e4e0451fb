"""What a cache may keep: answers to GETs by a document's id, without an error, and nobody else's."""

import httpx
import pytest

from tests.fixtures.endpoint import ADMIN, LEGACY, MODERN, get, persisted, world_with
from tests.fixtures.world import World

TEXT = "{ viewer { name } }"


@pytest.fixture(autouse=True)
async def registered(world: World) -> None:
    await world.post({"query": TEXT, "extensions": persisted(TEXT)})


async def ask(world: World, unless: str | None = None, accept: str = MODERN, method: str = "GET") -> httpx.Response:
    headers = {"accept": accept, **({"if-none-match": unless} if unless is not None else {})}
    return await get(world, headers=headers, method=method, extensions=persisted(TEXT))


async def test_answer_has_a_strong_tag_and_is_private_to_whom_it_was_given(world: World) -> None:
    response = await ask(world)
    assert response.json() == ADMIN
    tag = response.headers["etag"]
    assert tag[0] == tag[-1] == '"' and len(tag) == 34
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["vary"] == "Accept, Authorization"
    assert (await ask(world)).headers["etag"] == tag


async def test_setting_says_for_how_long_and_guests_share(world: World) -> None:
    async with world_with(world, cache_max_age=60) as other:
        assert (await ask(other)).headers["cache-control"] == "private, max-age=60"
        guest = await get(other, "guest", extensions=persisted(TEXT))
        assert guest.json() == {"data": {"viewer": None}}
        assert guest.headers["cache-control"] == "public, max-age=60"


async def test_who_has_the_answer_gets_304_and_no_body(world: World) -> None:
    tag = (await ask(world)).headers["etag"]
    for unless in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        for method in ("GET", "HEAD"):
            response = await ask(world, unless, method=method)
            assert (response.status_code, response.content) == (304, b"")
            assert response.headers["etag"] == tag
            assert response.headers["cache-control"] == "private, no-cache"
            assert response.headers["vary"] == "Accept, Authorization"
            assert "content-type" not in response.headers
    for unless in ('"x"', "", "x", tag.strip('"')):
        assert (await ask(world, unless)).status_code == 200


async def test_tag_follows_what_is_answered_to_whom_and_in_which_form(world: World) -> None:
    tag = (await ask(world)).headers["etag"]
    assert (await ask(world, accept=LEGACY)).headers["etag"] != tag
    assert (await get(world, "user", extensions=persisted(TEXT))).headers["etag"] != tag
    await world.owner.execute("UPDATE users SET name = 'renamed' WHERE name = 'admin'")
    changed = await ask(world, tag)
    assert (changed.status_code, changed.json()) == (200, {"data": {"viewer": {"name": "renamed"}}})


async def test_text_with_its_hash_is_kept_like_the_hash(world: World) -> None:
    response = await get(world, query=TEXT, extensions=persisted(TEXT))
    assert response.headers["etag"] == (await ask(world)).headers["etag"]


@pytest.mark.parametrize(
    "text",
    [
        "{ rateLimit { remaining } }",
        "{ ...a } fragment a on Query { rateLimit { remaining } }",
        '{ feature(id: "x") { id } }',
    ],
)
async def test_what_is_another_each_time_or_failed_is_not_kept(world: World, text: str) -> None:
    await world.post({"query": text, "extensions": persisted(text)})
    response = await get(world, extensions=persisted(text))
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers


async def test_answer_to_a_post_is_not_kept(world: World) -> None:
    response = await world.post({"extensions": persisted(TEXT)}, "admin", **{"if-none-match": "*"})
    assert response.json() == ADMIN
    assert "etag" not in response.headers and response.headers["cache-control"] == "no-store"


async def test_answer_that_tells_its_cost_is_not_kept(world: World) -> None:
    response = await get(world, headers={"x-graphql-cost": "1"}, extensions=persisted(TEXT))
    assert response.json()["data"] == ADMIN["data"]
    assert response.json()["extensions"]["cost"]["requested"] >= 1
    assert response.headers["cache-control"] == "no-store"
