"""The contract of REST and of /auth for programs, /openapi.json, and for people, /docs: bytes that are made when the process starts.

They are the same for all, so they need no token, and have nothing of anybody's in them.
"""

from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.rest.openapi.document import as_json, document
from app.rest.openapi.schemas import Document
from app.rest.version import Version
from app.web.auth_contract import auth_part
from app.web.contract_page import HEADERS, page
from app.web.respond import matches

DOCUMENT, PAGE = "/openapi.json", "/docs"
ROUTES = (DOCUMENT, PAGE)
CONTROL = "public, max-age=300"  # seconds: the next release may have another


def contract(versions: tuple[Version, ...], product: str) -> Document:
    return document(versions, product, auth_part)


def contract_routes(versions: tuple[Version, ...], product: str) -> list[BaseRoute]:
    found = contract(versions, product)
    return [
        _kept(DOCUMENT, as_json(found), "application/json", {}),
        _kept(PAGE, page(found).encode(), "text/html; charset=utf-8", HEADERS),
    ]


def _kept(path: str, content: bytes, media: str, own: dict[str, str]) -> Route:
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = {**own, "etag": tag, "cache-control": CONTROL}

    async def answer(request: Request) -> Response:
        unless = request.headers.get("if-none-match")
        if unless is not None and matches(unless, tag):
            return Response(b"", 304, headers)
        return Response(content, 200, {**headers, "content-type": media})

    return Route(path, answer)
