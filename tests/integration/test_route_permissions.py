"""Who may ask for which path: every route of the application but GraphQL's, which has test_permissions, and everybody.
A route without a row fails."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest

from app.domain.api_token.rules import SCOPES
from app.kernel.clock import utc_now
from app.main import ROUTES
from tests.fixtures.tokens import in_days, planted_token
from tests.fixtures.world import World

PEOPLE = ("guest", "viewer", "user", "other", "manager", "admin")
# Who is not who they say they are, any more: tokens of the administrator that have ended, in three ways.
ENDED = ("expired access token", "expired API token", "revoked API token")
EVERYBODY = (*PEOPLE, "API token of all scopes", *ENDED)
SECRETS = ("@example.com", "postgresql://", "redis://")
GRAPHQL = {"/graphql"}
NOBODYS = dict.fromkeys(("guest", *ENDED), 401)  # for those who are not known
TOKENS = {"API token of all scopes": 403}


@dataclass(frozen=True)
class Row:
    """What everybody gets: `by` says who gets another status."""

    method: str
    route: str
    status: int
    by: Mapping[str, int] = field(default_factory=dict)
    body: Mapping[str, str] | None = None


LOGIN = {"email": "nobody@example.com", "password": "nobody's"}
TABLE = [
    Row("GET", "/health", 200),
    Row("GET", "/health/live", 200),
    Row("GET", "/health/ready", 200),
    Row("GET", "/health/startup", 503),  # here nothing has started: the test's transport sends no lifespan
    Row("GET", "/metrics", 200),  # kept from the public at the gateway
    Row("GET", "/.well-known/jwks.json", 200),
    Row("GET", "/openapi.json", 200),
    Row("GET", "/docs", 200),
    Row("POST", "/auth/login", 401, body=LOGIN),  # who asks is whom the body names, not the header
    Row("POST", "/auth/refresh", 401, body={"refresh_token": "nobody's"}),
    Row("POST", "/auth/logout", 204, body={"refresh_token": "nobody's"}),
    Row("POST", "/auth/logout", 400, NOBODYS, body={}),  # these tokens belong to no session
    Row("GET", "/auth/oidc/login", 404),  # where there is no provider; see test_sign_on
    Row("GET", "/auth/oidc/callback", 404),
    Row("GET", "/auth/sessions", 200, NOBODYS | TOKENS),
    Row("DELETE", "/auth/sessions/{id}", 404, NOBODYS | TOKENS),
]


def test_every_route_of_the_application_has_a_row() -> None:
    assert {row.route for row in TABLE} == ROUTES - GRAPHQL


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.route} {row.status}")
async def test_everybody_gets_what_the_table_says_and_no_secret(world: World, row: Row) -> None:
    for who, token in (await bearers(world)).items():
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        path = row.route.replace("{id}", str(UUID(int=1)))
        response = await world.client.request(row.method, path, headers=headers, json=row.body)
        assert response.status_code == row.by.get(who, row.status), who
        assert not any(secret in response.text for secret in (*SECRETS, token or SECRETS[0]))


async def test_api_token_that_asks_for_sessions_is_a_security_event(world: World) -> None:
    token = await planted_token(world, "user")
    await world.client.get("/auth/sessions", headers={"authorization": f"Bearer {token}", "x-request-id": "asked"})
    await world.wiring.security_events.flush()
    row = await world.owner.fetchrow("SELECT kind, actor_id, subject, request_id FROM security_events")
    assert row is not None
    assert tuple(row) == ("PERMISSION_DENIED", world.users["user"], "sessions:own", "asked")


async def bearers(world: World) -> dict[str, str | None]:
    """What each sends; a guest sends none."""
    found = {who: None if who == "guest" else world.token(who) for who in PEOPLE}
    admin, past = world.users["admin"], utc_now() - timedelta(hours=2)
    found["API token of all scopes"] = await planted_token(world, "admin", *SCOPES)
    found["expired access token"] = world.wiring.tokens.mint(admin, past, timedelta(hours=1))
    found["expired API token"] = await planted_token(world, "admin", *SCOPES, expires_at=in_days(-1))
    found["revoked API token"] = await planted_token(world, "admin", *SCOPES, revoked_at=in_days(-1))
    assert set(found) == set(EVERYBODY)
    return found
