"""A refresh token that the browser keeps where no script can read it, for those who come by single sign-on.

A cookie is sent by whatever page makes the browser ask, so it counts only with an `Origin` of this server's own, in JSON.
"""

from starlette.requests import Request
from starlette.responses import Response

from app.domain.session.model import Issued
from app.http.refused import Refused

NAME = "feature_api_refresh"


class RefreshCookie:
    """`origin`: this server's, as browsers reach it."""

    def __init__(self, origin: str) -> None:
        self.origin, self.secure = origin, origin.startswith("https://")
        self._name = cookie_name(NAME, self.secure)

    def token(self, request: Request) -> str | None:
        """None where there is no cookie. Raises Refused where there is one, but another site's page may have asked."""
        token = request.cookies.get(self._name)
        if token is not None and request.headers.getlist("origin") != [self.origin]:
            raise Refused(403, "FORBIDDEN", f"The cookie counts only for pages of {self.origin}.")
        return token

    def put(self, response: Response, issued: Issued) -> None:
        response.set_cookie(
            self._name, issued.refresh_token, issued.refresh_expires_in, path="/", secure=self.secure, httponly=True,
            samesite="strict",
        )  # fmt: skip

    def drop(self, response: Response) -> None:
        response.delete_cookie(self._name, "/", secure=self.secure, httponly=True, samesite="strict")


def cookie_name(name: str, secure: bool) -> str:
    """With `__Host-` nobody but this very host can set it: no other host of the domain can log somebody in as another
    one. It wants https, and all paths."""
    return f"__Host-{name}" if secure else name
