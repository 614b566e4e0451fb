"""/errors: a page for each error of the catalogue, where `type` and `documentation_url` lead."""

from functools import cache
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from app.http.catalogue import CATALOGUE, Known, page_of

INDEX = "/errors"
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
KEPT = {**HEADERS, "cache-control": "public, max-age=3600"}
UNKNOWN = {**HEADERS, "cache-control": "no-store"}
STYLE = "body { max-width: 40rem; margin: 4rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }"


def error_routes() -> list[BaseRoute]:
    return [Route(INDEX, _index), Route(f"{INDEX}/{{code}}", _one)]


async def _index(request: Request) -> Response:
    return HTMLResponse(_listed(), headers=KEPT)


async def _one(request: Request) -> Response:
    code: str = request.path_params["code"]
    known = CATALOGUE.get(code)
    if known is None:
        return HTMLResponse(_page("No such error", f"<p>{_back()}</p>"), 404, headers=UNKNOWN)
    return HTMLResponse(_described(code, known), headers=KEPT)


@cache
def _listed() -> str:
    rows = (
        f'<li><a href="{page_of(code)}">{code}</a>: {escape(known.title)}</li>' for code, known in CATALOGUE.items()
    )
    return _page("Errors", f"<ul>{''.join(rows)}</ul>")


def _described(code: str, known: Known) -> str:
    text = f"<p><code>{code}</code>, status {known.status}</p>"
    return _page(known.title, f"{text}<p>{escape(known.meaning)}</p><p>{escape(known.remedy)}</p><p>{_back()}</p>")


def _back() -> str:
    return f'<a href="{INDEX}">All errors</a>'


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n<h1>{escape(title)}</h1>\n{body}\n</html>\n"
    )
