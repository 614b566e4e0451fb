"""Single sign-on at a real provider (npm oidc-provider), in a real browser and in a client that has none (R24)."""

import asyncio
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg
import httpx
import pytest
from playwright.sync_api import BrowserContext, Page

from tests.e2e.graphiql_page import BrowserMissing, find_browser, launch_browser
from tests.fixtures.oidc_provider import SECRET, oidc_provider
from tests.fixtures.processes import another
from tests.fixtures.server import PLAIN, Server, free_port

# What a page of this server does after a login: it sees the access token alone.
ASK = """async () => {
  const json = {'content-type': 'application/json'};
  const refreshed = await fetch('/auth/refresh', {method: 'POST', headers: json, body: '{}'});
  const tokens = await refreshed.json();
  const headers = {...json, authorization: `Bearer ${tokens.access_token}`};
  const body = JSON.stringify({query: '{ viewer { name email role } }'});
  const asked = await fetch('/graphql', {method: 'POST', headers, body});
  return {status: refreshed.status, fields: Object.keys(tokens).sort(), seen: document.cookie,
    viewer: (await asked.json()).data.viewer};
}"""


@dataclass(frozen=True)
class Site:
    """The server, and the provider that it asks."""

    url: str
    issuer: str
    database_url: str


@pytest.fixture(scope="module")
def site(server: Server) -> Iterator[Site]:
    issuer = f"http://127.0.0.1:{free_port()}"
    settings = {
        "OIDC_ISSUER": issuer,
        "OIDC_CLIENT_ID": "feature-api",
        "OIDC_CLIENT_SECRET": SECRET,
        "OIDC_ROLE_CLAIM": "groups",
        "OIDC_ROLE_MAP": "feature-admins=ADMIN,staff=USER",
    }
    with another(server, **settings) as api, oidc_provider(issuer, f"{api.url}/auth/oidc/callback"):
        yield Site(api.url, issuer, server.environment["DATABASE_OWNER_URL"])


@pytest.fixture
def context(site: Site) -> Iterator[BrowserContext]:
    if os.environ.get("FEATURE_API_NO_BROWSER") == "1":
        pytest.skip("FEATURE_API_NO_BROWSER=1: no browser wanted")
    try:
        find_browser()
    except BrowserMissing as missing:
        pytest.fail(f"{missing} (or set FEATURE_API_NO_BROWSER=1 to go without)", pytrace=False)
    with launch_browser() as browser:
        made = browser.new_context()
        # The provider's own page wants a font from elsewhere.
        made.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
        yield made
        made.close()


def log_in(page: Page, who: str) -> None:
    page.fill("input[name=login]", who)
    page.fill("input[name=password]", "whatever")
    page.click("button[type=submit]")
    page.click("button[type=submit]")  # and agrees


def test_browser_logs_in_at_the_provider_and_its_page_asks_as_that_user(site: Site, context: BrowserContext) -> None:
    page = context.new_page()
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.goto(f"{site.url}/auth/oidc/login?return_to=/graphql")
    assert page.url.startswith(site.issuer)
    log_in(page, "ada")
    page.wait_for_url(f"{site.url}/graphql")
    found = page.evaluate(ASK)
    assert found == {
        "status": 200,
        "fields": ["access_token", "expires_in", "refresh_expires_in", "token_type"],
        "seen": "",  # no script sees a cookie of ours
        "viewer": {"name": "Ada", "email": "ada@example.org", "role": "ADMIN"},
    }
    ours = [cookie for cookie in context.cookies(site.url) if cookie["name"].startswith("feature_api")]
    assert [(cookie["name"], cookie["httpOnly"], cookie["sameSite"]) for cookie in ours] == [
        ("feature_api_refresh", True, "Strict")
    ]
    assert ours[0]["value"] not in "".join(seen) and "eyJ" not in "".join(seen)
    page.goto(f"{site.url}/auth/oidc/login")  # the provider knows her by now, and asks nothing
    page.wait_for_url(f"{site.url}/graphql")
    assert page.evaluate(ASK)["viewer"]["name"] == "Ada"
    page.close()


def through_the_provider(site: Site, browser: httpx.Client, who: str) -> str:
    """What a person does at the provider, without a browser: the address that it sends back to."""
    response = browser.get(f"{site.url}/auth/oidc/login")
    for _ in range(20):
        if response.is_redirect:
            location = str(response.next_request.url) if response.next_request else ""
            if location.startswith(f"{site.url}/auth/oidc/callback"):
                return location
            response = browser.get(location)
        else:
            form = re.search(r'action="([^"]+)" method="post"', response.text)
            assert form is not None, response.text
            prompt = re.search(r'name="prompt" value="(\w+)"', response.text)
            assert prompt is not None
            data = {"prompt": prompt[1], "login": who, "password": "whatever"}
            response = browser.post(httpx.URL(site.issuer).join(form[1]), data=data)
    raise AssertionError("the provider sends nobody back")


def test_unverified_email_is_left_away_and_the_callback_counts_once(site: Site) -> None:
    with httpx.Client(timeout=60, verify=PLAIN) as browser:
        callback = through_the_provider(site, browser, "uma")
        begun = [cookie for cookie in browser.cookies.jar if cookie.name.startswith("feature_api_sign_on_")]
        assert len(begun) == 1
        response = browser.get(callback)
        assert (response.status_code, response.headers["location"]) == (303, "/graphql")
        again = browser.get(callback)
        assert (again.status_code, again.json()["code"]) == (400, "BAD_REQUEST")
        browser.cookies.jar.set_cookie(begun[0])
        replayed = browser.get(callback)  # with the cookie, too: the provider knows the code as spent
        assert (replayed.status_code, replayed.json()["code"]) == (401, "UNAUTHENTICATED")
    assert asyncio.run(users_of(site)) >= {("Uma", None, "USER")}


def test_who_has_no_group_of_ours_stays_outside(site: Site) -> None:
    with httpx.Client(timeout=60, verify=PLAIN) as browser:
        response = browser.get(through_the_provider(site, browser, "eve"))
        assert (response.status_code, response.json()["code"]) == (403, "FORBIDDEN")
        assert "feature_api_refresh" not in browser.cookies
    assert not [name for name, _, _ in asyncio.run(users_of(site)) if name == "Eve"]


async def users_of(site: Site) -> set[tuple[str, str | None, str]]:
    owner = await asyncpg.connect(site.database_url)
    try:
        rows = await owner.fetch("SELECT name, email, role FROM users JOIN user_identities ON user_id = users.id")
        return {tuple(row) for row in rows}
    finally:
        await owner.close()
