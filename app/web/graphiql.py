"""Serves the built GraphiQL page and its files under a strict policy; it must not build anything or speak GraphQL."""

import os
from functools import lru_cache
from mimetypes import guess_type
from os import PathLike, stat_result
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.http.encoding import preferred_coding

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

CODINGS: Final = {"br": ".br", "gzip": ".gz"}  # what the build lays beside files, the best one first
PACKED: Final = frozenset({".js", ".css", ".ttf"})

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
        coding = _coding(Path(full_path), scope)
        if coding is None:
            response = super().file_response(full_path, stat_result, scope, status_code)
        else:  # its own length, time and so tag
            packed = f"{full_path}{CODINGS[coding]}"
            response = super().file_response(packed, os.stat(packed), scope, status_code)
            if response.status_code == 200:
                response.headers["content-encoding"] = coding
                response.headers["content-type"] = _media(Path(full_path))
        if Path(full_path).suffix in PACKED:
            response.headers["vary"] = "Accept-Encoding"
        # A worker obeys the policy of its own file, not the page's; so every file carries it.
        response.headers.update(_HEADERS)
        response.headers["cache-control"] = _cache_control(Path(full_path))
        return response


def _coding(file: Path, scope: Scope) -> str | None:
    """None where the file does not lie there compressed, or not so as the client wants it."""
    accepted = Headers(scope=scope).get("accept-encoding")
    if accepted is None or file.suffix not in PACKED:
        return None
    there = [coding for coding, suffix in CODINGS.items() if Path(f"{file}{suffix}").exists()]
    return preferred_coding(accepted, there) if there else None


def _media(file: Path) -> str:
    media = guess_type(file.name)[0] or "application/octet-stream"
    return f"{media}; charset=utf-8" if media.startswith("text/") else media


def _cache_control(file: Path) -> str:
    # The names in assets/ carry a hash of the content: a year, and no question in between (RFC 8246).
    return "public, max-age=31536000, immutable" if file.parent.name == "assets" else "no-cache"
