"""Who may ask for which path: every route of the application but GraphQL's, which has test_permissions, and everybody.
A route without a row fails."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from app.main import ROUTES
from tests.fixtures.world import Who, World

EVERYBODY: tuple[Who, ...] = ("guest", "viewer", "user", "other", "manager", "admin")
SECRETS = ("@example.com", "Bearer", "postgresql://", "redis://")
GRAPHQL = {"/graphql"}


@dataclass(frozen=True)
class Row:
    """What everybody gets: `by` says who gets another status."""

    method: str
    path: str
    status: int
    by: Mapping[Who, int] = field(default_factory=dict)


TABLE = [
    Row("GET", "/health", 200),
    Row("GET", "/health/live", 200),
    Row("GET", "/health/ready", 200),
    Row("GET", "/health/startup", 503),  # here nothing has started: the test's transport sends no lifespan
    Row("GET", "/metrics", 200),  # kept from the public at the gateway
]


def test_every_route_of_the_application_has_a_row() -> None:
    assert {row.path for row in TABLE} == ROUTES - GRAPHQL


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.path}")
async def test_everybody_gets_what_the_table_says_and_no_secret(world: World, row: Row) -> None:
    for who in EVERYBODY:
        headers = {} if who == "guest" else {"authorization": f"Bearer {world.token(who)}"}
        response = await world.client.request(row.method, row.path, headers=headers)
        assert response.status_code == row.by.get(who, row.status), who
        assert not any(secret in response.text for secret in SECRETS)
