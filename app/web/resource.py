"""What answers at one path, beside GraphQL: every failure is a problem (RFC 9457)."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.domain.session.model import Origin
from app.kernel.errors import DomainError
from app.http.client import client_of
from app.http.headers import Headers, read_headers
from app.http.facts import about
from app.web.problem import problem
from app.http.refused import Refused

USER_AGENT = 1_000  # bytes of the header that are looked at

type Handler = Callable[[Request, Headers], Awaitable[Response]]


class Resource:
    """`denied` looks at each failure that is expected."""

    def __init__(
        self, route: str, handlers: Mapping[str, Handler], denied: Callable[[Scope, DomainError], None]
    ) -> None:
        self._route, self._handlers, self._denied = route, handlers, denied

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, facts = Request(scope, receive), about(scope)
        facts.route = self._route
        headers: Headers = {}
        try:
            headers = read_headers(scope)
            response = await self._handler(request.method)(request, headers)
        except Exception as error:  # the outermost: whatever it is, the caller gets an answer of our form
            if isinstance(error, DomainError):
                self._denied(scope, error)
            response = problem(error, facts.request_id, b"authorization" in headers)
        await response(scope, receive, send)

    def _handler(self, method: str) -> Handler:
        if method not in self._handlers:
            allow = ", ".join(self._handlers)
            raise Refused(405, "METHOD_NOT_ALLOWED", f"Use {allow}.", {"allow": allow})
        return self._handlers[method]


def origin_of(request: Request) -> Origin:
    agent = next((value for name, value in request.scope["headers"] if name == b"user-agent"), b"")
    user_agent = agent[:USER_AGENT].decode("latin-1") or None
    return Origin(client_of(request.scope) or None, user_agent, about(request.scope).request_id)
