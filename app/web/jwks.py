"""`/.well-known/jwks.json`: the public keys that tokens are checked with (RFC 7517 §5)."""

from collections.abc import Callable, Sequence
from hashlib import sha256

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.web.respond import matches

PATH = "/.well-known/jwks.json"

type PublicKey = dict[str, str]  # a JWK


def jwks_route(public: Callable[[], Sequence[PublicKey]], max_age: int) -> Route:
    """`max_age` in seconds: shorter than a key is published before it signs."""

    async def jwks(request: Request) -> Response:
        content = orjson.dumps({"keys": public()})
        tag = f'"{sha256(content).hexdigest()[:32]}"'
        headers = {"etag": tag, "cache-control": f"public, max-age={max_age}"}
        unless = request.headers.get("if-none-match")
        if unless is not None and matches(unless, tag):
            return Response(b"", 304, headers)
        return Response(content, 200, headers, "application/jwk-set+json")

    return Route(PATH, jwks)
