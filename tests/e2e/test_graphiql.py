"""The GraphiQL page in a real browser: it works under its own policy, with nothing from elsewhere."""

import asyncio
import json
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import httpx
import pytest
from graphql import build_client_schema, get_introspection_query, parse, validate
from playwright.sync_api import Browser, Route, expect
from starlette.applications import Starlette
from starlette.types import ASGIApp

from app.web.graphiql import CONTENT_SECURITY_POLICY, graphiql_page, static_routes
from tests.e2e.graphiql_page import BrowserMissing, GraphiQL, find_browser, launch_browser, watched_page
from tests.fixtures.server import PLAIN


class Server(Protocol):
    @property
    def url(self) -> str: ...

    def token(self, role: str) -> str: ...


@pytest.fixture(scope="module")
def browser(server: Server) -> Iterator[Browser]:
    # After the server, so that the browser goes first; and for this module only: while Playwright's synchronous API
    # runs, no asynchronous test can.
    if os.environ.get("FEATURE_API_NO_BROWSER") == "1":
        pytest.skip("FEATURE_API_NO_BROWSER=1: no browser wanted")
    try:
        find_browser()
    except BrowserMissing as missing:
        pytest.fail(f"{missing} (or set FEATURE_API_NO_BROWSER=1 to go without)", pytrace=False)
    with launch_browser() as launched:
        yield launched


@pytest.fixture
def graphiql(browser: Browser, server: Server) -> Iterator[GraphiQL]:
    with watched_page(browser, server.url) as opened:
        yield opened


def test_page_has_the_policy_and_no_inline_script(graphiql: GraphiQL) -> None:
    response = graphiql.open()
    assert response.status == 200
    assert response.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "accept" in response.headers["vary"].lower()
    html = response.text()
    assert html.count("<script") == len(re.findall(r'<script [^>]*\bsrc="/static/', html)) == 1
    assert not re.search(r"\son\w+=|javascript:", html)
    expect(graphiql.page).to_have_title("Feature API")
    graphiql.wait_until_ready()
    assert graphiql.watch.all() == []


def test_first_query_runs_with_a_typed_token(graphiql: GraphiQL, server: Server) -> None:
    graphiql.open()
    graphiql.wait_until_ready()
    graphiql.set_token(server.token("admin"))
    expect(graphiql.standing).to_contain_text("ADMIN")

    answer = graphiql.run()

    assert answer.request.headers["authorization"] == f"Bearer {server.token('admin')}"
    assert answer.request.headers["accept"] == "application/graphql-response+json, application/json"
    body = answer.json()
    assert "errors" not in body
    name = body["data"]["features"]["nodes"][0]["name"]
    expect(graphiql.result).to_contain_text(f'"name": {json.dumps(name, ensure_ascii=False)}')
    workers = [worker.url for worker in graphiql.page.workers]
    assert workers
    assert all(url.startswith(f"{server.url}/static/graphiql/assets/") for url in workers)
    assert graphiql.watch.all() == []


def test_documentation_and_query_builder_know_the_schema(graphiql: GraphiQL, server: Server) -> None:
    graphiql.open(server.token("admin"))
    graphiql.wait_until_ready()

    graphiql.show("Documentation Explorer")
    panel = graphiql.page.locator(".graphiql-plugin")
    panel.get_by_role("link", name="Query", exact=True).or_(panel.get_by_text("Query", exact=True)).first.click()
    expect(panel).to_contain_text("features")

    graphiql.show("GraphiQL Explorer")
    expect(panel).to_contain_text("totalCount")
    assert graphiql.watch.all() == []


def test_mistake_is_underlined(graphiql: GraphiQL, server: Server) -> None:
    graphiql.open(server.token("admin"))
    graphiql.wait_until_ready()
    editor = graphiql.page.locator(".graphiql-query-editor")
    editor.locator(".view-lines").click()
    graphiql.page.keyboard.press("ControlOrMeta+End")
    graphiql.page.keyboard.type("query Wrong { noSuchField")
    # Found by the worker, drawn from a data: image: both need the policy's leave.
    expect(editor.locator(".squiggly-error")).not_to_have_count(0)
    assert graphiql.watch.all() == []


def test_token_survives_a_reload_until_it_is_cleared(graphiql: GraphiQL, server: Server) -> None:
    graphiql.open()
    graphiql.wait_until_ready()
    graphiql.set_token(f"  Bearer {server.token('viewer')} ")
    expect(graphiql.standing).to_contain_text("VIEWER")

    graphiql.page.reload()
    expect(graphiql.token_box).to_have_value(server.token("viewer"))
    expect(graphiql.standing).to_contain_text("VIEWER")

    graphiql.page.get_by_role("button", name="Clear").click()
    graphiql.page.reload()
    expect(graphiql.token_box).to_have_value("")
    graphiql.wait_until_ready()


def test_token_in_the_address_is_kept_and_taken_out(graphiql: GraphiQL, server: Server) -> None:
    graphiql.open(server.token("viewer"))
    expect(graphiql.token_box).to_have_value(server.token("viewer"))
    assert graphiql.page.url == f"{server.url}/graphql"

    graphiql.follow_link(server.token("admin"))
    expect(graphiql.token_box).to_have_value(server.token("admin"))
    expect(graphiql.standing).to_contain_text("ADMIN")
    assert graphiql.page.url == f"{server.url}/graphql"
    graphiql.wait_until_ready()
    assert graphiql.watch.all() == []


def test_refused_token_is_told_beside_its_box(graphiql: GraphiQL, server: Server) -> None:
    graphiql.open("not-a-token")
    alert = graphiql.page.locator("form").get_by_role("alert")
    expect(alert).to_contain_text("refused this token (401)")
    expect(graphiql.token_box).to_have_attribute("aria-invalid", "true")

    graphiql.set_token(server.token("admin"))
    expect(graphiql.standing).to_contain_text("ADMIN")
    expect(alert).to_have_count(0)
    # The browser itself writes each 401 to the console; there is nothing else.
    assert [line for line in graphiql.watch.all() if "status of 401" not in line] == []


def test_examples_are_valid_operations(graphiql: GraphiQL, server: Server) -> None:
    token = server.token("admin")
    graphiql.open(token)
    graphiql.wait_until_ready()
    stored = graphiql.page.evaluate("localStorage.getItem('graphiql:tabState')")
    tabs = {tab["title"]: tab["query"] for tab in json.loads(stored)["tabs"]}
    assert list(tabs) == ["FirstTen", "Search", "UpdateFeature"]

    answer = httpx.post(
        f"{server.url}/graphql",
        json={"query": get_introspection_query()},
        headers={"authorization": f"Bearer {token}"},
        timeout=60,
        verify=PLAIN,
    )
    schema = build_client_schema(answer.json()["data"])
    assert [error for query in tabs.values() for error in validate(schema, parse(query))] == []


def test_built_files_never_change_and_carry_the_policy(graphiql: GraphiQL, server: Server) -> None:
    graphiql.open()
    graphiql.wait_until_ready()
    html = graphiql.page.content()
    scripts = re.findall(r'src="(/static/graphiql/assets/[^"]+\.js)"', html)
    assert scripts
    for path in [*scripts, "/static/graphiql/index.html"]:
        headers = httpx.get(server.url + path, timeout=60, verify=PLAIN).raise_for_status().headers
        # A worker obeys the policy of its own file.
        assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert ("immutable" in headers["cache-control"]) == ("/assets/" in path)


def test_page_that_is_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    missing = tmp_path / "static"
    page = graphiql_page(missing)
    assert page.status_code == 503
    assert "make web" in bytes(page.body).decode()
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert _status(Starlette(routes=static_routes(missing)), "/static/graphiql/assets/index.js") == 404

    (missing / "graphiql").mkdir(parents=True)
    (missing / "graphiql" / "index.html").write_text("<p>built meanwhile</p>")
    assert graphiql_page(missing).status_code == 200


# The guards themselves: a watch that sees nothing would let everything above pass.


def test_watch_sees_an_inline_script(graphiql: GraphiQL) -> None:
    graphiql.page.route("**/graphql", _with("<script>leak = 1</script>"))
    graphiql.open()
    graphiql.wait_until_ready()
    assert graphiql.page.evaluate("typeof leak") == "undefined"
    assert any(line.startswith("CSP violation: script-src-elem: inline") for line in graphiql.watch.all())


def test_watch_sees_a_request_to_another_origin(graphiql: GraphiQL) -> None:
    image = "http://localhost:9/pixel.png"
    graphiql.page.route("**/graphql", _with(f'<img src="{image}">', policy=""))
    graphiql.open()
    graphiql.wait_until_ready()
    assert f"request to another origin: {image}" in graphiql.watch.all()


def test_policy_stops_a_request_to_another_origin(graphiql: GraphiQL) -> None:
    image = "http://localhost:9/pixel.png"
    graphiql.page.route("**/graphql", _with(f'<img src="{image}">'))
    graphiql.open()
    graphiql.wait_until_ready()
    assert any(line.startswith(f"CSP violation: img-src: {image}") for line in graphiql.watch.all())


def test_watch_sees_errors_of_the_page(graphiql: GraphiQL) -> None:
    graphiql.open()
    graphiql.wait_until_ready()
    with graphiql.page.expect_event("pageerror"), graphiql.page.expect_console_message():
        graphiql.page.evaluate(
            "setTimeout(() => { throw new Error('thrown by the test') }); console.error('told by the test')"
        )
    seen = graphiql.watch.all()
    assert any("page error" in line and "thrown by the test" in line for line in seen)
    assert "console error: told by the test" in seen


def _with(markup: str, policy: str = CONTENT_SECURITY_POLICY) -> Callable[[Route], None]:
    """Answers for the page with markup added and under another policy; queries pass."""

    def handle(route: Route) -> None:
        if route.request.method != "GET":
            route.continue_()
            return
        response = route.fetch()
        headers = {**response.headers, "content-security-policy": policy}
        route.fulfill(response=response, headers=headers, body=response.text().replace("</body>", f"{markup}</body>"))

    return handle


def _status(app: ASGIApp, path: str) -> int:
    async def get() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return (await client.get(path)).status_code

    # In a thread of its own: Playwright's loop runs in this one.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, get()).result()
