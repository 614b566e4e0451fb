"""Answers are compressed for who asks, where that pays, never where a secret may stand; tags and caches go on (RFC 9110
§8.8.3.3, §12.5.3)."""

import gzip
from pathlib import Path

import httpx
import orjson
import pytest
from starlette.applications import Starlette

from app.web.graphiql import static_routes
from tests.fixtures.endpoint import get, persisted, world_with
from tests.fixtures.rest import V1, V2, call, made
from tests.fixtures.world import CREATE, World

LONG = {"text": "all the same " * 200}
NAMES = "{ features(first: 20) { nodes { name description } } }"


async def raw(answer: httpx.Response) -> bytes:
    return b"".join([piece async for piece in answer.aiter_raw()])


async def got(world: World, path: str, coding: str = "gzip", method: str = "GET") -> tuple[httpx.Response, bytes]:
    """The answer and its body as it came."""
    headers = {"authorization": f"Bearer {world.token('user')}", "accept-encoding": coding}
    async with world.client.stream(method, path, headers=headers) as answer:
        return answer, await raw(answer)


async def asked(world: World, query: str, coding: str, **variables: object) -> tuple[httpx.Response, bytes]:
    headers = {"authorization": f"Bearer {world.token('user')}", "accept-encoding": coding}
    body = {"query": query, "variables": variables}
    async with world.client.stream("POST", "/graphql", json=body, headers=headers) as answer:
        return answer, await raw(answer)


async def many(world: World) -> None:
    for number in range(20):
        await made(world, f"feature {number:02}", description="What it is for, in a sentence. " * 3)


async def test_long_answers_of_graphql_are_compressed_for_who_asks_and_hold_the_same(world: World) -> None:
    await many(world)
    plain, body = await asked(world, NAMES, "identity")
    packed, content = await asked(world, NAMES, "gzip")
    assert "content-encoding" not in plain.headers and len(body) > 2_000
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-length"] == str(len(content)) and len(content) < len(body) / 2
    assert packed.headers["vary"] == "Accept, Accept-Encoding"
    assert gzip.decompress(content) == body


@pytest.mark.parametrize("coding", ["", "identity", "br", "gzip;q=0", "identity, gzip;q=0.5"])
async def test_who_does_not_ask_for_gzip_gets_none(world: World, coding: str) -> None:
    await many(world)
    answer, body = await asked(world, NAMES, coding)
    assert "content-encoding" not in answer.headers
    assert len(orjson.loads(body)["data"]["features"]["nodes"]) == 20


@pytest.mark.parametrize(("short", "packed"), [(0, True), (1, False)])
async def test_answers_are_compressed_from_the_setting_on(world: World, short: int, packed: bool) -> None:
    _, body = await asked(world, "{ viewer { name } }", "identity")
    async with world_with(world, compress_from=len(body) + short) as other:
        answer, _ = await asked(other, "{ viewer { name } }", "gzip")
    assert ("content-encoding" in answer.headers) is packed


async def test_nothing_is_compressed_where_that_is_off(world: World) -> None:
    feature = await made(world, "long", metadata=LONG)
    async with world_with(world, compress_from=0) as other:
        answer, _ = await got(other, f"{V2}/{feature['id']}")
    assert answer.headers["etag"] == '"1"' and "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept, Authorization"


async def test_what_writes_and_what_signs_in_is_never_compressed(world: World) -> None:
    """A secret may stand in it beside words of who asks (BREACH)."""
    async with world_with(world, compress_from=1) as other:
        read, _ = await asked(other, "{ viewer { name } }", "gzip")
        written, _ = await asked(other, CREATE, "gzip", input={"name": "long", "metadata": LONG})
        refused, _ = await asked(other, "mutation { createFeature(input: {nothing: 1}) { feature { id } } }", "gzip")
        signed, _ = await got(other, "/auth/sessions")
        login = await other.client.post("/auth/login", json={}, headers={"accept-encoding": "gzip"})
    assert "content-encoding" in read.headers
    assert [answer.status_code for answer in (written, signed)] == [200, 200]
    for answer in (written, signed, login):
        assert "content-encoding" not in answer.headers
    assert "content-encoding" in refused.headers  # it ran nothing


async def test_a_compressed_feature_has_a_tag_of_its_own_and_conditions_know_both(world: World) -> None:
    feature = await made(world, "long", metadata=LONG)
    path = f"{V2}/{feature['id']}"
    plain, body = await got(world, path, "identity")
    packed, content = await got(world, path)
    assert (plain.headers["etag"], packed.headers["etag"]) == ('"1"', '"1-gzip"')
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept, Authorization, Accept-Encoding"
    assert orjson.loads(gzip.decompress(content))["data"] == orjson.loads(body)["data"] == feature

    for known, tag in (('"1-gzip"', '"1-gzip"'), ('"7-gzip", W/"1-gzip"', '"1-gzip"'), ('"1"', '"1"')):
        same = await call(world, "GET", path, if_none_match=known)
        assert (same.status_code, same.headers["etag"], same.content) == (304, tag, b"")
        assert ("Accept-Encoding" in same.headers["vary"]) is (tag == '"1-gzip"')
    assert (await call(world, "GET", path, if_none_match='"7-gzip"')).status_code == 200

    stale = await call(
        world, "PATCH", path, body=b"{}", content_type="application/merge-patch+json", if_match='"0-gzip"'
    )
    assert stale.status_code == 412
    renamed = {"name": "new", "metadata": LONG}
    changed = await call(world, "PUT", path, body=renamed, if_match='"1-gzip"', accept_encoding="gzip")
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2-gzip"')


async def test_a_caller_of_v1_may_send_the_tag_of_a_compressed_answer_back(world: World) -> None:
    feature = await made(world, "long", metadata=LONG)
    path = f"{V1}/{feature['id']}"
    packed, _ = await got(world, path)
    renamed = {"name": "new", "metadata": {}}
    changed = await call(world, "PUT", path, body=renamed, if_match=packed.headers["etag"])
    assert (changed.status_code, changed.json()["data"]["name"]) == (200, "new")
    again = await call(world, "PUT", path, body=renamed, if_match=packed.headers["etag"])
    assert again.status_code == 412


async def test_a_list_keeps_its_weak_tag(world: World) -> None:
    await many(world)
    plain, _ = await got(world, V2, "identity")
    packed, _ = await got(world, V2)
    assert packed.headers["etag"] == plain.headers["etag"] and packed.headers["etag"].startswith('W/"')
    assert packed.headers["content-encoding"] == "gzip"
    assert (await call(world, "GET", V2, if_none_match=packed.headers["etag"])).status_code == 304


async def test_head_tells_what_get_would(world: World) -> None:
    feature = await made(world, "long", metadata=LONG)
    path = f"{V2}/{feature['id']}"
    async with world_with(world, rest_get_limit=10) as other:
        told = [(await got(other, path, method=method))[0].headers for method in ("GET", "HEAD")]
    for name in ("content-encoding", "etag", "vary", "content-type", "cache-control"):
        assert told[0][name] == told[1][name]


async def test_answers_that_caches_keep_are_told_apart_by_coding(world: World) -> None:
    text = "{ features(first: 20) { nodes { name description } } }"
    await many(world)
    await world.post({"query": text, "extensions": persisted(text)})
    tags = {}
    for coding in ("identity", "gzip"):
        headers = {"accept-encoding": coding}
        answer = await get(world, "user", headers=headers, extensions=persisted(text))
        tags[coding] = answer.headers["etag"]
        assert answer.headers["vary"] == "Accept, Authorization, Accept-Encoding"
    assert tags["gzip"] == f'{tags["identity"][:-1]}-gzip"'
    same = await get(world, "user", headers={"if-none-match": tags["gzip"]}, extensions=persisted(text))
    assert (same.status_code, same.headers["etag"]) == (304, tags["gzip"])


@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_an_export_is_compressed_as_it_flows(world: World, form: str) -> None:
    await world.plant("user", 300, metadata=orjson.dumps(LONG).decode())
    plain, body = await got(world, f"{V2}/export?format={form}", "identity")
    packed, content = await got(world, f"{V2}/export?format={form}")
    assert "content-length" not in packed.headers and packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept, Authorization, Accept-Encoding"
    assert len(body) > 500_000 and len(content) < len(body) / 10
    assert gzip.decompress(content) == body


async def test_an_empty_export_is_a_whole_one(world: World) -> None:
    answer, body = await got(world, f"{V2}/export")
    assert (answer.headers["content-encoding"], gzip.decompress(body)) == ("gzip", b"")


@pytest.mark.parametrize(
    ("coding", "packed"),
    [("gzip, br", "br"), ("gzip", "gzip"), ("br;q=0, *", "gzip"), ("identity", None), ("zstd", None)],
)
async def test_files_of_pages_are_handed_out_as_the_build_compressed_them(
    tmp_path: Path, coding: str, packed: str | None
) -> None:
    assets = tmp_path / "graphiql" / "assets"
    assets.mkdir(parents=True)
    content = {None: b"plain script", "br": b"by brotli", "gzip": b"by gzip, longer"}
    for name, suffix in ((None, ""), ("br", ".br"), ("gzip", ".gz")):
        (assets / f"a.js{suffix}").write_bytes(content[name])
    (assets / "alone.css").write_bytes(b"p {}")
    (assets / "a.woff2").write_bytes(b"font")
    transport = httpx.ASGITransport(Starlette(routes=static_routes(tmp_path)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        headers = {"accept-encoding": coding}
        async with client.stream("GET", "/static/graphiql/assets/a.js", headers=headers) as answer:
            assert await raw(answer) == content[packed]
        assert answer.headers.get("content-encoding") == packed
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["content-length"] == str(len(content[packed]))
        assert (answer.headers["vary"], "immutable" in answer.headers["cache-control"]) == ("Accept-Encoding", True)
        known = {**headers, "if-none-match": answer.headers["etag"]}
        assert (await client.get("/static/graphiql/assets/a.js", headers=known)).status_code == 304
        other = {"accept-encoding": "identity" if packed else "br", "if-none-match": answer.headers["etag"]}
        async with client.stream("GET", "/static/graphiql/assets/a.js", headers=other) as another:
            assert another.status_code == 200  # another coding has another tag
        alone = await client.get("/static/graphiql/assets/alone.css", headers=headers)
        assert (alone.content, "content-encoding" in alone.headers) == (b"p {}", False)
        assert "vary" not in (await client.get("/static/graphiql/assets/a.woff2", headers=headers)).headers
