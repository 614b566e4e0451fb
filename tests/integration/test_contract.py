"""/openapi.json and /docs: the document of REST as it is served, and the file that is published."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from jsonschema import Draft202012Validator

from app.commands.published import OPENAPI, StaleSchemaError, openapi_text
from app.rest.version import current_version
from tests.fixtures.rest import call, made
from tests.fixtures.sessions import PASSWORD, send
from tests.fixtures.world import World

PUBLISHED = Path(__file__).parents[2] / "openapi.json"


def test_published_document_is_current() -> None:
    OPENAPI.check(PUBLISHED)


def test_a_document_that_differs_is_stale_and_the_difference_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(openapi_text().replace('"3.1.1"', '"3.0.0"'), "utf-8")
    with pytest.raises(StaleSchemaError, match=r"feature-api openapi export(?s:.*)-.*3\.0\.0(?s:.*)\+.*3\.1\.1"):
        OPENAPI.check(file)


async def test_what_is_served_is_what_is_published(world: World) -> None:
    answer = await world.client.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.text == PUBLISHED.read_text("utf-8")


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
async def test_who_has_it_already_is_told_so(world: World, path: str) -> None:
    first = await world.client.get(path)
    assert first.headers["cache-control"] == "public, max-age=300"
    again = await world.client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (await world.client.head(path)).content == b""
    assert (await world.client.post(path)).status_code == 405


async def test_page_needs_no_script_and_nothing_from_elsewhere(world: World) -> None:
    answer = await world.client.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; ")
    assert not re.findall(r"<script|\ssrc=|\sstyle=|\son\w+=|href=\"https?:", answer.text)
    for route in current_version().routes.all:
        assert f"<code>{route.method} {route.path}</code>" in answer.text
    for listed in ("POST /auth/login", "POST /auth/refresh", "POST /auth/logout", "DELETE /auth/sessions/{id}"):
        assert f"<code>{listed}</code>" in answer.text


async def test_every_reference_leads_somewhere_and_every_example_keeps_its_schema(world: World) -> None:
    document = (await world.client.get("/openapi.json")).json()
    examples = 0

    def walk(node: object) -> None:
        nonlocal examples
        if isinstance(node, list):
            for item in node:
                walk(item)
        if isinstance(node, dict):
            if "$ref" in node:
                found = document
                for part in node["$ref"].removeprefix("#/").split("/"):
                    found = found[part]
            if "schema" in node and ("example" in node or "examples" in node):
                shown = [node["example"]] if "example" in node else [one["value"] for one in node["examples"].values()]
                for value in shown:
                    examples += 1
                    schema = {"components": document["components"], **node["schema"]}
                    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)
            for item in node.values():
                walk(item)

    walk(document)
    assert examples > 60


async def test_logins_and_sessions_answer_as_the_document_says(people: World) -> None:
    document = (await people.client.get("/openapi.json")).json()
    email = {"email": "user@example.com"}
    first = await send(people, "/auth/login", {**email, "password": PASSWORD})
    token, access = first.json()["refresh_token"], f"Bearer {first.json()['access_token']}"
    session = (await people.client.get("/auth/sessions", headers={"authorization": access})).json()["sessions"][0]
    answers = [
        ("/auth/login", "post", first),
        ("/auth/login", "post", await send(people, "/auth/login", {**email, "password": "no"})),
        ("/auth/login", "post", await send(people, "/auth/login", {**email, "pin": 1})),
        ("/auth/refresh", "post", await send(people, "/auth/refresh", {"refresh_token": token})),
        ("/auth/logout", "post", await send(people, "/auth/logout", {})),
    ]
    for method, path in (("get", "/auth/sessions"), ("delete", f"/auth/sessions/{session['id']}")):
        template = "/auth/sessions/{id}" if method == "delete" else path
        for _ in range(2):
            answer = await people.client.request(method.upper(), path, headers={"authorization": access})
            answers.append((template, method, answer))
        answers.append((template, method, await people.client.request(method.upper(), path)))
    assert [answer.status_code for _, _, answer in answers] == [200, 401, 400, 200, 401, 200, 200, 401, 204, 401, 401]
    for path, method, answer in answers:
        found = document["paths"][path][method]["responses"][str(answer.status_code)]
        if "$ref" in found:
            found = document["components"]["responses"][found["$ref"].rpartition("/")[2]]
        assert {name for name in found["headers"] if name not in answer.headers} == set()
        assert _undescribed(answer, found["headers"]) == set()
        if "content" in found:
            [media] = found["content"]
            assert answer.headers["content-type"] == media
            schema = {"components": document["components"], **found["content"][media]["schema"]}
            Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(answer.json())


async def test_answer_has_the_headers_that_the_document_demands(world: World) -> None:
    document = (await world.client.get("/openapi.json")).json()
    feature = await made(world, "described")
    answer = await call(world, "GET", f"/api/v2/features/{feature['id']}")
    described = document["paths"]["/api/v2/features/{id}"]["get"]["responses"]["200"]["headers"]
    assert {name for name in described if name not in answer.headers} == set()
    assert _undescribed(answer, described) == {"vary"}


def _undescribed(answer: httpx.Response, described: dict[str, object]) -> set[str]:
    """But for those that every answer of the server has, and those of HTTP itself."""
    known = {name.lower() for name in described} | {"content-type", "content-length", "x-content-type-options"}
    known |= {"content-security-policy", "referrer-policy", "x-frame-options", "cross-origin-resource-policy"}
    return {name for name in answer.headers if name not in known}
