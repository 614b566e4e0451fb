"""Opens the GraphiQL page in headless Chromium and watches for all that its policy forbids; it asserts nothing."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Response,
    Worker,
    sync_playwright,
)

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_ARGUMENTS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_VIEW: Final = {"width": 1440, "height": 900}

# Kept on the window, so that they are read back in one go; the console names a violation but not its directive.
_LISTEN_FOR_VIOLATIONS: Final = """
window.violations = [];
document.addEventListener('securitypolicyviolation', event => {
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} (${event.sourceFile}:${event.lineNumber})`);
});
"""


class BrowserMissing(Exception):
    """No Chromium or Chrome is installed."""

    def __init__(self) -> None:
        super().__init__("no Chromium on this machine: apt-get install chromium")


@dataclass  # Without slots: Playwright keeps its wrapper of a bound method on the method's object.
class Watch:
    """What went wrong in a browser context, in the words of the browser."""

    origin: str
    complaints: list[str] = field(default_factory=list)
    _pages: list[Page] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        context.add_init_script(_LISTEN_FOR_VIOLATIONS)
        context.on("page", self._watch_page)
        context.on("request", lambda request: self._saw_request(request.url))
        context.on("weberror", lambda error: self.complaints.append(f"page error: {error.error}"))

    def all(self) -> list[str]:
        """Every complaint so far, CSP violations of the pages that are open included."""
        violations = [
            f"CSP violation: {line}" for page in self._pages for line in page.evaluate("window.violations ?? []")
        ]
        return self.complaints + violations

    def _watch_page(self, page: Page) -> None:
        self._pages.append(page)
        page.on("console", self._saw_console)
        page.on("websocket", lambda socket: self._saw_request(socket.url))
        page.on("worker", self._watch_worker)

    def _watch_worker(self, worker: Worker) -> None:
        self._saw_request(worker.url)
        worker.on("console", self._saw_console)

    def _saw_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.complaints.append(f"console {message.type}: {message.text}")

    def _saw_request(self, url: str) -> None:
        parts = urlsplit(url)
        inline = parts.scheme in ("data", "about")
        if not inline and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.complaints.append(f"request to another origin: {url}")


@dataclass(slots=True)
class GraphiQL:
    """The open page: what a visitor does with it."""

    page: Page
    watch: Watch

    @property
    def token_box(self) -> Locator:
        return self.page.get_by_label("Bearer token")

    @property
    def standing(self) -> Locator:
        """What the page says of the token."""
        return self.page.locator(".token-standing")

    @property
    def result(self) -> Locator:
        """The lines of the result that are in view; Monaco keeps no others in the document."""
        return self.page.locator(".graphiql-response .view-lines").first

    def open(self, token: str = "") -> Response:
        """Loads the page, with the token in the address where there is one."""
        response = self.page.goto(_address(token))
        if response is None:
            raise RuntimeError("the page is open already: use follow_link")
        return response

    def follow_link(self, token: str) -> None:
        """Goes to the address with this token from the page itself: only the fragment changes, nothing is loaded."""
        self.page.goto(_address(token))

    def wait_until_ready(self) -> None:
        """Until the editors stand and the server has said what it thinks of the token."""
        self.page.locator(".graphiql-query-editor .view-line").first.wait_for()
        self.result.wait_for(state="attached")
        self.page.locator(".token-standing:not(:empty)").wait_for()

    def set_token(self, token: str) -> None:
        self.token_box.fill(token)
        self.token_box.press("Enter")

    def run(self) -> Response:
        """Presses the button; returns the answer to the operation of the tab that is open."""
        with self.page.expect_response(_is_answer_to_a_visitor) as answer:
            self.page.get_by_role("button", name="Execute query").click()
        return answer.value

    def show(self, panel: str) -> None:
        """Opens a panel by its title: Documentation Explorer, History, GraphiQL Explorer."""
        self.page.get_by_role("button", name=f"Show {panel}").click()

    def screenshot(self, path: Path) -> None:
        self.page.screenshot(path=path)


def find_browser() -> str:
    """The path of a Chromium; raises BrowserMissing."""
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    raise BrowserMissing


@contextmanager
def launch_browser() -> Iterator[Browser]:
    path = find_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched_page(browser: Browser, url: str) -> Iterator[GraphiQL]:
    """A blank page with empty storage, watched from its first byte on; `url` is the server's, as http://host:port."""
    context = browser.new_context(viewport={"width": _VIEW["width"], "height": _VIEW["height"]}, base_url=url)
    context.set_default_timeout(20_000)
    watch = Watch(origin=url.rstrip("/"))
    watch.over(context)
    try:
        yield GraphiQL(page=context.new_page(), watch=watch)
    finally:
        context.close()


@contextmanager
def open_page(url: str, token: str = "") -> Iterator[GraphiQL]:
    """The page, ready, in a browser of its own and with the token in use: for screenshots."""
    with launch_browser() as browser, watched_page(browser, url) as graphiql:
        graphiql.open(token)
        graphiql.wait_until_ready()
        yield graphiql


def _address(token: str) -> str:
    return f"/graphql#token={quote(token)}" if token else "/graphql"


def _is_answer_to_a_visitor(response: Response) -> bool:
    # The page asks by itself, too: for the schema and for the bearer of the token.
    if response.request.method != "POST":
        return False
    operation = response.request.post_data_json
    return isinstance(operation, dict) and operation.get("operationName") not in ("IntrospectionQuery", "Viewer")
