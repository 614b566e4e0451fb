"""What every answer tells browsers not to do, as bytes made once; and which other sites' pages may ask at all (CORS)."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

POLICY = b"content-security-policy"
API_POLICY = (POLICY, b"default-src 'none'; frame-ancestors 'none'")
EVERYWHERE = ((b"x-frame-options", b"DENY"), (b"cross-origin-resource-policy", b"same-origin"))
API = (API_POLICY, (b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))

OPEN = ("/graphql", "/auth/", "/api/", "/.well-known/")  # paths that pages of other origins may be let to
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
SENT = (
    "Authorization",
    "GraphQL-Client-Name",
    "GraphQL-Client-Version",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Traceparent",
    "Tracestate",
    "X-GraphQL-Cost",
    "X-Read-After",
    "X-Request-ID",
)
READ = (
    "Deprecation",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Sunset",
    "X-API-Version",
    "X-Read-After",
    "X-Request-ID",
)
MAX_AGE = 7_200  # seconds that a browser may keep the answer to a preflight: no browser keeps one for longer

type Header = tuple[bytes, bytes]


class SecurityHeaders:
    """`hsts`: seconds for which browsers may come by https only; 0 says nothing."""

    def __init__(self, hsts: int) -> None:
        strict = ((b"strict-transport-security", b"max-age=%d; includeSubDomains" % hsts),) if hsts else ()
        self._of_page: tuple[Header, ...] = (*EVERYWHERE, *strict)
        self._of_api: tuple[Header, ...] = (*API, *EVERYWHERE, *strict)

    def beside(self, headers: Sequence[Header]) -> tuple[Header, ...]:
        """What an answer with these headers lacks; a page brings a policy of its own, and what belongs to it."""
        for name, _ in headers:
            if name == POLICY:
                return self._of_page
        return self._of_api


class Cors:
    """A middleware: pages of these origins may ask and read, with a token of theirs; nobody sends cookies."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app, origins, METHODS, SENT, allow_credentials=False, expose_headers=READ, max_age=MAX_AGE
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        open = scope["type"] == "http" and scope["path"].startswith(OPEN)
        await (self._open if open else self._app)(scope, receive, send)
