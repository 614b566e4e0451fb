"""Login, refresh, logout and sessions over HTTP, in JSON, which a form cannot send. A login by password sets no cookie;
that of single sign-on is taken and set again here (see RefreshCookie)."""

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
from app.web.refresh_cookie import RefreshCookie
from app.web.request import read_json_bytes
from app.web.resource import Handler, Resource, origin_of
from app.web.session_shapes import LoginBody, OwnSession, OwnSessions, TokenBody, Tokens, names_of

MAX_BODY = 16_000  # bytes: the longest email and password in the longest escapes, and room
ROUTES = ("/auth/login", "/auth/refresh", "/auth/logout", "/auth/sessions", "/auth/sessions/{id}")


class SessionEndpoints:
    """`actor_of` takes the Authorization header; without `cookie`, none counts."""

    def __init__(
        self,
        actor_of: Callable[[str | None], Awaitable[Actor]],
        service_of: Callable[[Actor, Origin], SessionService],
        events_of: Callable[[Actor, str, str], SecurityEventService],
        cookie: RefreshCookie | None = None,
    ) -> None:
        self._actor_of, self._service_of, self._events_of = actor_of, service_of, events_of
        self._cookie = cookie

    def routes(self) -> list[BaseRoute]:
        login, refresh, logout, sessions, one = ROUTES
        return [
            Route(login, self._resource(login, {"POST": self._login})),
            Route(refresh, self._resource(refresh, {"POST": self._refresh})),
            Route(logout, self._resource(logout, {"POST": self._logout})),
            Route(sessions, self._resource(sessions, {"GET": self._list, "HEAD": self._list})),
            Route(one, self._resource(one, {"DELETE": self._revoke})),
        ]

    def _resource(self, route: str, handlers: Mapping[str, Handler]) -> Resource:
        return Resource(route, handlers, self._denied)

    def _denied(self, scope: Scope, error: DomainError) -> None:
        facts = about(scope)
        self._events_of(facts.actor, facts.request_id, client_of(scope)).denied(error)

    async def _login(self, request: Request, headers: Headers) -> Response:
        sent = strings_of(await read_json_bytes(request.receive, headers, MAX_BODY), *names_of(LoginBody))
        service = self._service_of(GUEST, origin_of(request))
        return _answer(_tokens(await service.login(sent["email"], sent["password"])))

    async def _refresh(self, request: Request, headers: Headers) -> Response:
        """What the cookie held goes back into the cookie, and nowhere else."""
        body = await read_json_bytes(request.receive, headers, MAX_BODY)
        token, cookie = strings_of(body, *names_of(TokenBody)).get("refresh_token"), self._cookie
        kept = cookie.token(request) if cookie is not None and token is None else None
        service = self._service_of(GUEST, origin_of(request))
        if cookie is None or kept is None:
            return _answer(_tokens(await service.refresh(strings_of(body, ("refresh_token",))["refresh_token"])))
        issued = await service.refresh(kept)
        shown = _tokens(issued)
        del shown["refresh_token"]
        response = _answer(shown)
        cookie.put(response, issued)
        return response

    async def _logout(self, request: Request, headers: Headers) -> Response:
        """By the refresh token, whatever the access token has become; without one, by the access token; without that,
        by the cookie."""
        sent = strings_of(await read_json_bytes(request.receive, headers, MAX_BODY), *names_of(TokenBody))
        token, response = sent.get("refresh_token"), Response(b"", 204, NO_STORE)
        if token is None and b"authorization" not in headers and self._cookie is not None:
            token = self._cookie.token(request)
            self._cookie.drop(response)
        service = (
            await self._service(request, headers) if token is None else self._service_of(GUEST, origin_of(request))
        )
        await service.logout(token)
        return response

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
        return self._service_of(actor, origin_of(request))


def _session_id(text: str) -> SessionId:
    try:
        found = UUID(text)
    except ValueError:
        raise NotFound("There is no such session.") from None
    return SessionId(found)


def _tokens(issued: Issued) -> Tokens:
    return {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "refresh_token": issued.refresh_token,
        "refresh_expires_in": issued.refresh_expires_in,
    }


def _shown(session: Session, current: SessionId | None) -> OwnSession:
    return {
        "id": str(session.id),
        "created_at": session.created_at,
        "last_used_at": session.last_used_at,
        "expires_at": session.expires_at,
        "user_agent": session.user_agent,
        "address": session.address,
        "current": session.id == current,
    }


def _answer(body: Tokens | OwnSessions) -> Response:
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), 200, NO_STORE, "application/json")
