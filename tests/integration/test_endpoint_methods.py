"""GET, HEAD, OPTIONS, and the headers and query strings of all methods: clear, bounded, and without effects."""

import httpx
import pytest

from tests.fixtures.endpoint import ADMIN, LEGACY, MODERN, NAME, get, refusal, world_with
from tests.fixtures.world import World

WRITE = 'mutation { createFeature(input: {name: "by GET"}) { clientMutationId } }'


async def written(world: World) -> int:
    return int(await world.owner.fetchval("SELECT count(*) FROM features"))


async def test_head_is_a_get_without_its_body(world: World) -> None:
    by_get = await get(world, query=NAME)
    by_head = await get(world, method="HEAD", query=NAME)
    assert (by_head.status_code, by_head.content) == (200, b"")
    for name in ("content-type", "content-length", "vary", "cache-control"):
        assert by_head.headers[name] == by_get.headers[name]
    assert int(by_head.headers["content-length"]) == len(by_get.content)
    refused = await get(world, method="HEAD", query=WRITE)
    assert (refused.status_code, refused.content, refused.headers["allow"]) == (405, b"", "POST")
    assert await written(world) == 0


async def test_head_of_a_visit_is_the_page_without_its_body(world: World) -> None:
    page = await world.client.head("/graphql", headers={"accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert page.content == b""


async def test_options_says_what_is_allowed(world: World) -> None:
    response = await world.client.options("/graphql")
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["allow"] == "GET, HEAD, POST, OPTIONS"


async def test_get_that_is_not_by_id_is_never_kept_by_a_cache(world: World) -> None:
    for response in (await get(world, query=NAME), await get(world, query="{"), await get(world)):
        assert response.headers["cache-control"] == "no-store"
        assert "etag" not in response.headers


async def test_query_string_may_be_as_long_as_the_setting_says(world: World) -> None:
    async with world_with(world, max_query_bytes=1_000) as strict:
        fits = f"query={'%20' * 300}%7Bviewer%7Bname%7D%7D&x="
        fits += "x" * (1_000 - len(fits))
        headers = {"authorization": f"Bearer {world.token('admin')}"}
        assert (await strict.client.get(f"/graphql?{fits}", headers=headers)).json() == ADMIN
        assert refusal(await strict.client.get(f"/graphql?{fits}x", headers=headers)) == (414, "URI_TOO_LONG")


@pytest.mark.parametrize(
    "query",
    [
        "query=%FF",
        "query=%ED%A0%80",
        "query=a&query=b",
        "query=a&variables={}&variables={}",
        "x&" * 101 + "query=a",
        "query=a&variables=%FF",
        "query=a&variables=1",
        "query=a&extensions=[]",
        "documentId=a&query=b",
        "documentId=%00",
        "documentId=" + "a" * 201,
    ],
)
async def test_query_string_that_is_no_request_is_bad(world: World, query: str) -> None:
    for accept in (MODERN, LEGACY):
        response = await world.client.get(f"/graphql?{query}", headers={"accept": accept})
        assert refusal(response) == (400, "BAD_REQUEST")


async def test_parameters_that_are_empty_count_as_not_sent(world: World) -> None:
    response = await get(world, query=NAME, variables="", extensions="", operationName="", documentId="")
    assert response.json() == ADMIN


@pytest.mark.parametrize("type", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "x" * 300])
async def test_forms_are_refused_by_whatever_method_they_come(world: World, type: str) -> None:
    by_get = await get(world, headers={"content-type": type}, query=NAME)
    assert refusal(by_get) == (415, "UNSUPPORTED_MEDIA_TYPE")
    by_post = await world.post(b"query=" + WRITE.encode(), "admin", **{"content-type": type})
    assert refusal(by_post) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert by_post.headers["accept-post"] == LEGACY
    assert await written(world) == 0


async def test_compressed_body_is_refused_and_says_what_is_taken(world: World) -> None:
    for encoding in ("gzip", "br", "identity, gzip", "deflate"):
        response = await world.post({"query": NAME}, "admin", **{"content-encoding": encoding})
        assert refusal(response) == (415, "UNSUPPORTED_MEDIA_TYPE")
        assert response.headers["accept-encoding"] == "identity"


async def twice(world: World, name: str, *values: str) -> httpx.Response:
    sent = {"content-type": LEGACY, "authorization": f"Bearer {world.token('admin')}", "accept": MODERN}
    sent.pop(name, None)
    headers = [*sent.items(), *((name, value) for value in values)]
    return await world.client.post("/graphql", content=f'{{"query": "{NAME}"}}'.encode(), headers=headers)


async def test_header_that_must_not_come_twice_is_refused(world: World) -> None:
    token = f"Bearer {world.token('admin')}"
    assert refusal(await twice(world, "content-type", LEGACY, "text/plain")) == (400, "BAD_REQUEST")
    assert refusal(await twice(world, "authorization", token, token)) == (400, "BAD_REQUEST")


async def test_header_that_is_a_list_may_come_in_pieces(world: World) -> None:
    for pieces in (("text/html", LEGACY), (LEGACY, "text/html")):
        response = await twice(world, "accept", *pieces)
        assert response.json() == ADMIN
        assert response.headers["content-type"] == f"{LEGACY}; charset=utf-8"
        encodings = ("identity", "gzip") if pieces[0] == LEGACY else ("gzip", "identity")
        assert refusal(await twice(world, "content-encoding", *encodings)) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("accept", ["text/html", f"{LEGACY}; charset=utf-16", f"{MODERN};q=0, {LEGACY};q=0"])
async def test_answer_that_nobody_wants_is_not_acceptable(world: World, accept: str) -> None:
    assert refusal(await world.post({"query": WRITE}, accept=accept)) == (406, "NOT_ACCEPTABLE")
    assert await written(world) == 0


async def test_whoever_does_not_name_the_modern_type_gets_the_legacy_one(world: World) -> None:
    for accept, media in (("*/*", LEGACY), ("application/*", LEGACY), (f"{MODERN}, */*", MODERN)):
        response = await world.post({"query": NAME}, accept=accept)
        assert response.headers["content-type"] == f"{media}; charset=utf-8"
