"""Login, refresh, logout and sessions over HTTP, in JSON: no cookie is set, so there is nothing for a stranger's page to
ride on, and a form cannot send what is taken here."""

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from app.domain.security_event.service import SecurityEventService
from app.domain.session.model import Issued, Origin, Session
from app.domain.session.service import SessionService
from app.kernel.actor import GUEST, Actor
from app.kernel.errors import DomainError, NotFound
from app.kernel.ids import SessionId
from app.http.client import client_of
from app.web.fields import strings_of
from app.http.headers import Headers, read_headers
from app.http.facts import about
from app.web.problem import NO_STORE, problem
from app.http.refused import Refused
from app.web.request import read_json_bytes

MAX_BODY = 16_000  # bytes: the longest email and password in the longest escapes, and room
ROUTES = ("/auth/login", "/auth/refresh", "/auth/logout", "/auth/sessions", "/auth/sessions/{id}")
USER_AGENT = 1_000  # bytes of the header that are looked at

type Handler = Callable[[Request, Headers], Awaitable[Response]]


class SessionEndpoints:
    """`actor_of` takes the Authorization header."""

    def __init__(
        self,
        actor_of: Callable[[str | None], Awaitable[Actor]],
        service_of: Callable[[Actor, Origin], SessionService],
        events_of: Callable[[Actor, str, str], SecurityEventService],
    ) -> None:
        self._actor_of, self._service_of, self._events_of = actor_of, service_of, events_of

    def routes(self) -> list[BaseRoute]:
        login, refresh, logout, sessions, one = ROUTES
        return [
            Route(login, self._resource(login, {"POST": self._login})),
            Route(refresh, self._resource(refresh, {"POST": self._refresh})),
            Route(logout, self._resource(logout, {"POST": self._logout})),
            Route(sessions, self._resource(sessions, {"GET": self._list, "HEAD": self._list})),
            Route(one, self._resource(one, {"DELETE": self._revoke})),
        ]

    def _resource(self, route: str, handlers: Mapping[str, Handler]) -> "_Resource":
        return _Resource(route, handlers, self._denied)

    def _denied(self, scope: Scope, error: DomainError) -> None:
        facts = about(scope)
        self._events_of(facts.actor, facts.request_id, client_of(scope)).denied(error)

    async def _login(self, request: Request, headers: Headers) -> Response:
        sent = strings_of(await read_json_bytes(request.receive, headers, MAX_BODY), ("email", "password"))
        service = self._service_of(GUEST, _origin(request))
        return _answer(_tokens(await service.login(sent["email"], sent["password"])))

    async def _refresh(self, request: Request, headers: Headers) -> Response:
        sent = strings_of(await read_json_bytes(request.receive, headers, MAX_BODY), ("refresh_token",))
        return _answer(_tokens(await self._service_of(GUEST, _origin(request)).refresh(sent["refresh_token"])))

    async def _logout(self, request: Request, headers: Headers) -> Response:
        """By the refresh token, whatever the access token has become; without one, by the access token."""
        sent = strings_of(await read_json_bytes(request.receive, headers, MAX_BODY), (), ("refresh_token",))
        token = sent.get("refresh_token")
        service = await self._service(request, headers) if token is None else self._service_of(GUEST, _origin(request))
        await service.logout(token)
        return Response(b"", 204, NO_STORE)

    async def _list(self, request: Request, headers: Headers) -> Response:
        service = await self._service(request, headers)
        current = about(request.scope).actor.session_id
        return _answer({"sessions": [_shown(session, current) for session in await service.alive()]})

    async def _revoke(self, request: Request, headers: Headers) -> Response:
        service = await self._service(request, headers)
        await service.revoke(_session_id(request.path_params["id"]))
        return Response(b"", 204, NO_STORE)

    async def _service(self, request: Request, headers: Headers) -> SessionService:
        actor = about(request.scope).actor = await self._actor_of(headers.get(b"authorization"))
        return self._service_of(actor, _origin(request))


class _Resource:
    """What answers at one path; every failure is a problem (RFC 9457), and `denied` looks at each that is expected."""

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


def _origin(request: Request) -> Origin:
    agent = next((value for name, value in request.scope["headers"] if name == b"user-agent"), b"")
    user_agent = agent[:USER_AGENT].decode("latin-1") or None
    return Origin(client_of(request.scope) or None, user_agent, about(request.scope).request_id)


def _session_id(text: str) -> SessionId:
    try:
        found = UUID(text)
    except ValueError:
        raise NotFound("There is no such session.") from None
    return SessionId(found)


def _tokens(issued: Issued) -> dict[str, object]:
    return {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "refresh_token": issued.refresh_token,
        "refresh_expires_in": issued.refresh_expires_in,
    }


def _shown(session: Session, current: SessionId | None) -> dict[str, object]:
    return {
        "id": str(session.id),
        "created_at": session.created_at,
        "last_used_at": session.last_used_at,
        "expires_at": session.expires_at,
        "user_agent": session.user_agent,
        "address": session.address,
        "current": session.id == current,
    }


def _answer(body: dict[str, object]) -> Response:
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), 200, NO_STORE, "application/json")
