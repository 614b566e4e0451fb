"""Single sign-on over HTTP: to the provider, and back with a session (R24). No token is in an address, ever.

Each login has a cookie of its own, so that two tabs do not disturb each other: named by its state, sealed for it.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from app.auth.pending import LIFETIME, Pending, Seal
from app.auth.provider import Provider, SignOnRefused
from app.domain.session.model import Origin
from app.domain.session.sign_on import SignOnService
from app.kernel.errors import DomainError, Unauthenticated, Unavailable
from app.http.headers import Headers
from app.web.problem import NO_STORE
from app.web.refresh_cookie import RefreshCookie, cookie_name
from app.http.refused import Refused
from app.web.resource import Resource, origin_of
from app.web.return_to import return_path

ROUTES = ("/auth/oidc/login", "/auth/oidc/callback")
COOKIE = "feature_api_sign_on_"
MOST_PENDING = 5  # logins under way in one browser
MAX_QUERY = 8_000  # bytes
LATER = ("temporarily_unavailable", "server_error")  # what a provider says when it may work again


class SignOnEndpoints:
    def __init__(
        self,
        provider: Provider,
        service_of: Callable[[Origin], SignOnService],
        seal: Seal,
        cookie: RefreshCookie,
    ) -> None:
        self._provider, self._service_of, self._seal = provider, service_of, seal
        self._cookie = cookie
        self._prefix = cookie_name(COOKIE, cookie.secure)

    def routes(self) -> list[BaseRoute]:
        login, callback = ROUTES
        return [
            Route(login, Resource(login, {"GET": self._login}, _told_already)),
            Route(callback, Resource(callback, {"GET": self._callback}, _told_already)),
        ]

    async def _login(self, request: Request, headers: Headers) -> Response:
        return_to = return_path(_query(request, ("return_to",)).get("return_to", "/graphql"))
        await self._service_of(origin_of(request)).admit()
        begun = await self._provider.begin()
        response = RedirectResponse(begun.url, 303, NO_STORE)
        pending = [name for name in request.cookies if name.startswith(self._prefix)]
        if len(pending) >= MOST_PENDING:
            for name in pending:
                self._forget(response, name)
        response.set_cookie(
            self._name(begun.state),
            self._seal.close(begun.state, Pending(return_to, begun.nonce, begun.verifier)),
            int(LIFETIME.total_seconds()),
            path="/",
            secure=self._cookie.secure,
            httponly=True,
            samesite="lax",  # the provider's page leads here, and the cookie must come along
        )
        return response

    async def _callback(self, request: Request, headers: Headers) -> Response:
        sent = _query(request, ("code", "state", "iss", "error"))
        service, state = self._service_of(origin_of(request)), sent.get("state", "")
        name = self._name(state)
        pending = self._seal.open(state, request.cookies.get(name, ""))
        if pending is None:  # not begun in this browser (login CSRF), finished already, or too long ago
            service.failed("state")
            raise Refused(400, "BAD_REQUEST", "This login was not begun in this browser, or is over: begin it again.")
        await service.admit()
        if "error" in sent:
            raise self._told(service, sent["error"])
        try:
            person = await self._provider.redeem(sent.get("code", ""), sent.get("iss"), pending.nonce, pending.verifier)
        except SignOnRefused as error:
            service.failed(error.reason)
            raise Unauthenticated("The provider's answer does not count: begin the login again.") from None
        issued = await service.complete(person)
        response = RedirectResponse(pending.return_to, 303, NO_STORE)
        self._forget(response, name)
        self._cookie.put(response, issued)
        return response

    def _told(self, service: SignOnService, error: str) -> DomainError:
        if error in LATER:
            return Unavailable("The provider of single sign-on cannot log anybody in at the moment: try again.")
        if error == "access_denied":
            return service.refused("denied", "The provider did not let you in, or you did not want to.")
        service.failed("provider")
        return Unauthenticated("The provider refuses this login: begin it again.")

    def _name(self, state: str) -> str:
        return self._prefix + sha256(state.encode(errors="surrogatepass")).hexdigest()[:16]

    def _forget(self, response: Response, name: str) -> None:
        response.delete_cookie(name, "/", secure=self._cookie.secure, httponly=True, samesite="lax")


def _told_already(scope: Scope, error: DomainError) -> None:
    """Whoever is refused here is told of as a failed login."""


def _query(request: Request, names: tuple[str, ...]) -> Mapping[str, str]:
    """The parameters of these names; others are left alone. Raises Refused."""
    query: bytes = request.scope["query_string"]
    try:
        if len(query) > MAX_QUERY:
            raise ValueError
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise Refused(400, "BAD_REQUEST", "The query string cannot be read, or is too long.") from None
    found = {name: value for name, value in pairs if name in names}
    if len(found) < sum(name in names for name, _ in pairs):
        raise Refused(400, "BAD_REQUEST", "Send each parameter once.")
    return found
