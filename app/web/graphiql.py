"""Serves the built GraphiQL page and its files under a strict policy; it must not build anything or speak GraphQL."""

from functools import lru_cache
from os import PathLike, stat_result
from pathlib import Path
from typing import Final

from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC: Final = Path(__file__).with_name("static")

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # Monaco places each line with a style attribute and fills <style> elements of its own: some 950 refusals in one
        # page view without this. It knows no nonce, and no hash covers numbers that follow from the window's size.
        # A style that slipped in could still fetch nothing: images and fonts are bound to this origin.
        "style-src 'self' 'unsafe-inline'",
        # Monaco draws the line under a mistake with data: images.
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

_HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

_NOT_BUILT: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Feature API</title>
<style>
  body { max-width: 40rem; margin: 4rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
</style>
<h1>GraphiQL is not built</h1>
<p>The API works: POST a query to <code>/graphql</code>. This page has to be built once:</p>
<pre>make web</pre>
<p>Then load the page again; the server need not be restarted.</p>
</html>
"""


def graphiql_page(static: Path = STATIC) -> Response:
    """The page; 503 with a page that says how to build it, where it is not built."""
    # /graphql answers by `Accept`: no cache may hand this page to a client that asks for JSON.
    headers = {**_HEADERS, "cache-control": "no-cache", "vary": "Accept"}
    try:
        index = static / "graphiql" / "index.html"
        return HTMLResponse(_read(index, index.stat().st_mtime_ns), headers=headers)
    except FileNotFoundError:
        return HTMLResponse(_NOT_BUILT, status_code=503, headers={**headers, "cache-control": "no-store"})


def static_routes(static: Path = STATIC) -> list[BaseRoute]:
    """/static, with the files of every built page; 404 for all of them where nothing is built."""
    return [Mount("/static", app=_BuiltFiles(directory=static, check_dir=False), name="static")]


@lru_cache(maxsize=1)
def _read(index: Path, _modified: int) -> bytes:
    # Once per build: a page kept over a new build would name files that are gone.
    return index.read_bytes()


class _BuiltFiles(StaticFiles):
    async def check_config(self) -> None:
        """Starlette answers 500 where the directory is missing; to us that is a page not yet built: 404."""

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        # A worker obeys the policy of its own file, not the page's; so every file carries it.
        response.headers.update(_HEADERS)
        response.headers["cache-control"] = _cache_control(Path(full_path))
        return response


def _cache_control(file: Path) -> str:
    # The names in assets/ carry a hash of the content: a year, and no question in between (RFC 8246).
    return "public, max-age=31536000, immutable" if file.parent.name == "assets" else "no-cache"
