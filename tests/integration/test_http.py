"""GraphQL over HTTP: what is taken, in which form it is answered, and with which status it is refused."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.fixtures.http import ADMIN, LEGACY, MODERN, NAME, media, refusal
from tests.fixtures.world import CREATE, World

WRITE = 'mutation { createFeature(input: {name: "by GET"}) { clientMutationId } }'
LIMIT = 1_000_000  # bytes of a body


async def get(world: World, accept: str = "*/*", **parameters: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {world.token('admin')}", "accept": accept}
    return await world.client.get("/graphql", params=parameters, headers=headers)


async def written(world: World) -> int:
    return int(await world.owner.fetchval("SELECT count(*) FROM features"))


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("", LEGACY),
        ("*/*", MODERN),
        (LEGACY, LEGACY),
        (f"{LEGACY};q=0.9, {MODERN}", MODERN),
        (f"{LEGACY}, {MODERN};q=0.9", LEGACY),
        (f"{LEGACY};q=nan, {MODERN};q=0.1", MODERN),
    ],
)
async def test_answer_has_the_media_type_that_is_wanted_most(world: World, accept: str, answered: str) -> None:
    response = await world.post({"query": NAME}, accept=accept)
    assert (response.status_code, response.json()) == (200, ADMIN)
    assert response.headers["content-type"] == f"{answered}; charset=utf-8"
    assert response.headers["vary"] == "Accept"


async def test_request_that_wants_neither_media_type_is_not_acceptable(world: World) -> None:
    response = await world.post({"query": CREATE, "variables": {"input": {"name": "x"}}}, accept="text/html")
    assert refusal(response) == (406, "NOT_ACCEPTABLE")
    assert media(response) == LEGACY
    assert await written(world) == 0


NO_VARIABLES: list[object] = ["{}", [], 1, False, 0]
NO_OPERATIONNAME: list[object] = [1, [], {}, False]
NO_EXTENSIONS: list[object] = ["{}", [], 0, False, 1]
NO_REQUESTS: list[object] = [
    b"",
    b"{",
    b'{"query": "{ viewer { name } }"} x',
    b'\xef\xbb\xbf{"query": "{ viewer { name } }"}',
    b'{"query": "{ viewer { name } } # \xff"}',
    b'{"query": "{ viewer { name } } # \\ud800"}',
    b"NaN",
    b"null",
    b"1",
    b'"{ viewer { name } }"',
    b"[]",
    b'[{"query": "{ viewer { name } }"}]',
    b"{}",
    {"query": None},
    {"query": "  "},
    {"query": 1},
    {"query": [NAME]},
    *({"query": NAME, "variables": bad} for bad in NO_VARIABLES),
    *({"query": NAME, "operationName": bad} for bad in NO_OPERATIONNAME),
    *({"query": NAME, "extensions": bad} for bad in NO_EXTENSIONS),
]


async def test_body_that_is_no_graphql_request_is_bad(world: World) -> None:
    for body in NO_REQUESTS:
        for accept in (MODERN, LEGACY):
            response = await world.post(body, accept=accept)
            assert (body, refusal(response)) == (body, (400, "BAD_REQUEST"))
            assert media(response) == accept
    assert world.statements == ["user.role"]  # nothing but who asks


async def test_null_parameters_are_as_good_as_none(world: World) -> None:
    body = {"query": NAME, "variables": None, "operationName": None, "extensions": None, "unknown": 1}
    assert (await world.post(body)).json() == ADMIN


OTHER_TYPES = [
    "",
    "text/plain",
    "application/graphql",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json-seq",
    "application/json; charset=latin1",
    "application/json; charset=utf-8; charset=utf-16",
]


async def test_post_of_another_content_type_is_refused_so_that_no_form_can_send_it(world: World) -> None:
    body = {"query": CREATE, "variables": {"input": {"name": "x"}}}
    for content_type in OTHER_TYPES:
        response = await world.post(body, "admin", **{"content-type": content_type})
        assert (content_type, refusal(response)) == (content_type, (415, "UNSUPPORTED_MEDIA_TYPE"))
    assert await written(world) == 0


JSON_TYPES = ["APPLICATION/JSON", "application/json;charset=utf-8", 'application/json; charset="UTF-8"']


async def test_json_content_type_is_read_as_its_standard_says(world: World) -> None:
    for content_type in JSON_TYPES:
        assert (await world.post({"query": NAME}, "admin", **{"content-type": content_type})).json() == ADMIN


async def test_compressed_body_is_refused(world: World) -> None:
    compressed = await world.post(b"\x1f\x8b", "admin", **{"content-encoding": "gzip"})
    assert refusal(compressed) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert (await world.post({"query": NAME}, "admin", **{"content-encoding": "Identity"})).json() == ADMIN


async def test_body_of_more_bytes_than_allowed_is_refused(world: World) -> None:
    start, end = b'{"query": "{ viewer { name } }"', b"}"
    fits = start + b" " * (LIMIT - len(start) - len(end)) + end
    assert (await world.post(fits)).json() == ADMIN
    assert refusal(await world.post(fits + b" ")) == (413, "PAYLOAD_TOO_LARGE")


async def send_in_pieces(world: World, **headers: str) -> tuple[httpx.Response, int]:
    """The answer to 200 pieces of 10,000 bytes, and how many of them were read."""
    read = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(200):
            read += 1
            yield b" " * 10_000

    authorization = f"Bearer {world.token('admin')}"
    sent = {"content-type": "application/json", "authorization": authorization, **headers}
    return await world.client.post("/graphql", content=pieces(), headers=sent), read


async def test_body_without_a_length_is_read_no_further_than_allowed(world: World) -> None:
    response, read = await send_in_pieces(world)
    assert refusal(response) == (413, "PAYLOAD_TOO_LARGE")
    assert read == LIMIT // 10_000 + 1


async def test_body_whose_length_is_too_great_is_not_read_at_all(world: World) -> None:
    response, read = await send_in_pieces(world, **{"content-length": "2000000"})
    assert refusal(response) == (413, "PAYLOAD_TOO_LARGE")
    assert read == 0


LENGTHS = ["-1", "x", "1e9", "9" * 40]


async def test_length_that_is_no_number_protects_nobody(world: World) -> None:
    for length in LENGTHS:
        response, read = await send_in_pieces(world, **{"content-length": length})
        assert (length, refusal(response)) == (length, (413, "PAYLOAD_TOO_LARGE"))
        assert read == LIMIT // 10_000 + 1


METHODS = ["PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]


async def test_other_method_is_not_allowed(world: World) -> None:
    for method in METHODS:
        response = await world.client.request(method, "/graphql", json={"query": NAME})
        assert (method, refusal(response)) == (method, (405, "METHOD_NOT_ALLOWED"))
        assert response.headers["allow"] == "GET, POST"


async def test_query_by_get_is_answered_like_one_by_post(world: World) -> None:
    query = (
        "query A($show: Boolean!) { viewer { name @include(if: $show) id @skip(if: $show) } } query B { viewer { id } }"
    )
    response = await get(world, query=query, operationName="A", variables='{"show": true}', extensions="{}")
    assert (response.status_code, response.json(), media(response)) == (200, ADMIN, MODERN)


async def test_mutation_by_get_is_not_allowed_and_writes_nothing(world: World) -> None:
    response = await get(world, query=WRITE)
    assert refusal(response) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "POST"
    chosen = await get(world, query=f"query A {NAME} {WRITE.replace('mutation', 'mutation B')}", operationName="A")
    assert chosen.json() == ADMIN
    assert await written(world) == 0
    assert (await world.post({"query": WRITE})).status_code == 200
    assert await written(world) == 1


NO_PARAMETERS: list[dict[str, str]] = [
    {},
    {"query": ""},
    {"query": NAME, "variables": "{"},
    {"query": NAME, "variables": "[]"},
    {"query": NAME, "variables": '{"a": "\\ud800"}'},
    {"query": NAME, "extensions": "1"},
]


async def test_parameters_that_are_no_graphql_request_are_bad(world: World) -> None:
    for parameters in NO_PARAMETERS:
        assert (parameters, refusal(await get(world, **parameters))) == (parameters, (400, "BAD_REQUEST"))


async def test_browser_gets_the_page_and_programs_do_not(world: World) -> None:
    page = await get(world, "text/html,application/xhtml+xml,*/*;q=0.8")
    assert media(page) == "text/html"
    assert refusal(await get(world, "application/json, text/html;q=0.5")) == (400, "BAD_REQUEST")
    assert refusal(await get(world, "text/html", query=NAME)) == (406, "NOT_ACCEPTABLE")
