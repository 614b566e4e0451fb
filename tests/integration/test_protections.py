"""What every answer says to browsers, and which origins may ask (R28)."""

import httpx
import pytest

from app.web.graphiql import CONTENT_SECURITY_POLICY
from tests.fixtures.endpoint import NAME, get, world_with
from tests.fixtures.world import World

APP = "https://app.example.com"
PROTECTED = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization, content-type"}


def protections(response: httpx.Response) -> dict[str, list[str]]:
    return {name: response.headers.get_list(name) for name in (*PROTECTED, "strict-transport-security")}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/graphql"),
        ("GET", "/graphql"),
        ("OPTIONS", "/graphql"),
        ("PUT", "/graphql"),
        ("GET", "/health"),
        ("GET", "/metrics"),
        ("GET", "/nowhere"),
        ("DELETE", "/health"),
    ],
)
async def test_every_answer_is_protected_once(world: World, method: str, path: str) -> None:
    found = protections(await world.client.request(method, path))
    assert found == {name: [value] for name, value in PROTECTED.items()} | {"strict-transport-security": []}


async def test_a_page_keeps_its_own_policy_and_is_protected_besides(world: World) -> None:
    page = await world.client.get("/graphql", headers={"accept": "text/html"})
    assert protections(page) == {
        **{name: [value] for name, value in PROTECTED.items()},
        "content-security-policy": [CONTENT_SECURITY_POLICY],
        "strict-transport-security": [],
    }


async def test_browsers_are_told_to_come_by_https_where_it_is_set(world: World) -> None:
    async with world_with(world, hsts_max_age=600) as other:
        for path in ("/graphql", "/health"):
            answer = await other.client.get(path, headers={"accept": "text/html"})
            assert answer.headers["strict-transport-security"] == "max-age=600; includeSubDomains"


async def test_by_default_no_other_origin_is_let_in(world: World) -> None:
    preflight = await world.client.options("/graphql", headers={"origin": APP, **PREFLIGHT})
    answer = await world.post({"query": NAME}, origin=APP)
    for response in (preflight, answer):
        assert not [name for name in response.headers if name.startswith("access-control-")]


async def test_an_origin_of_the_list_may_ask_and_read(world: World) -> None:
    async with world_with(world, cors_origins=f"http://localhost:3000, {APP}") as other:
        for origin in ("http://localhost:3000", APP):
            preflight = await other.client.options("/graphql", headers={"origin": origin, **PREFLIGHT})
            assert preflight.status_code == 200
            assert preflight.headers["access-control-allow-origin"] == origin
            assert preflight.headers["access-control-max-age"] == "7200"
            assert preflight.headers["access-control-allow-methods"] == "GET, HEAD, POST, PUT, PATCH, DELETE"
            assert "access-control-allow-credentials" not in preflight.headers
            assert "Origin" in preflight.headers["vary"]
            answer = await other.post({"query": NAME}, origin=origin)
            assert answer.json() == {"data": {"viewer": {"name": "admin"}}}
            assert answer.headers["access-control-allow-origin"] == origin
            readable = answer.headers["access-control-expose-headers"].split(", ")
            assert {"RateLimit", "RateLimit-Policy", "Retry-After", "ETag", "X-Request-ID"} <= set(readable)
            assert answer.headers["vary"] == "Accept, Origin"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", f"{APP}.evil.example", "http://app.example.com", "null", f"{APP}:8443", ""]
)
async def test_any_other_origin_may_not(world: World, origin: str) -> None:
    async with world_with(world, cors_origins=APP) as other:
        preflight = await other.client.options("/graphql", headers={"origin": origin, **PREFLIGHT})
        answer = await other.post({"query": NAME}, origin=origin)
        assert preflight.status_code == 400
        for response in (preflight, answer):
            assert "access-control-allow-origin" not in response.headers
            assert "Origin" in response.headers["vary"]


@pytest.mark.parametrize(
    "asked", [{"access-control-request-headers": "x-other"}, {"access-control-request-method": "TRACE"}]
)
async def test_what_nobody_needs_is_not_allowed(world: World, asked: dict[str, str]) -> None:
    async with world_with(world, cors_origins=APP) as other:
        preflight = await other.client.options("/graphql", headers={"origin": APP, **PREFLIGHT, **asked})
        assert preflight.status_code == 400


async def test_answers_that_caches_keep_depend_on_the_origin_even_for_who_has_none(world: World) -> None:
    async with world_with(world, cors_origins=APP) as other:
        assert (await get(other, query=NAME)).headers["vary"] == "Accept, Authorization, Origin"


async def test_metrics_and_health_are_for_no_page(world: World) -> None:
    async with world_with(world, cors_origins="*") as other:
        assert (await other.post({"query": NAME}, origin=APP)).headers["access-control-allow-origin"] == "*"
        for path in ("/metrics", "/health"):
            answer = await other.client.get(path, headers={"origin": APP})
            assert "access-control-allow-origin" not in answer.headers
