"""A database that refuses us is Unavailable to callers, and explained to the operator."""

from urllib.parse import urlsplit, urlunsplit

import pytest
from structlog.testing import capture_logs

from app.db.connect import PoolSettings
from app.db.database import Database
from app.db.migrations import MigrationError, is_current, migrate
from app.db.user import COUNT
from app.kernel.errors import Unavailable
from tests.fixtures.database import in_database
from tests.fixtures.servers import Servers


def with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{password}@{parts.hostname}:{parts.port}"))


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (lambda s: PoolSettings(with_password(s.app_url, "wrong")), "InvalidPasswordError"),
        (lambda s: PoolSettings(in_database(s.app_url, "nowhere")), "InvalidCatalogNameError"),
        (lambda s: PoolSettings(s.app_url, role="feature_api_owner"), "InsufficientPrivilegeError"),
        (lambda s: PoolSettings(s.app_url, role="nobody_at_all"), "InvalidParameterValueError"),
    ],
)
async def test_a_refused_connect_is_unavailable_and_logged(servers: Servers, settings: object, error: str) -> None:
    assert callable(settings)
    database = Database(settings(servers))
    with capture_logs() as logs, pytest.raises(Unavailable, match="cannot be reached"):
        await database.fetch(COUNT)
    await database.close()

    assert [(entry["event"], entry["error"]) for entry in logs] == [("no connection to the database", error)]
    assert "wrong" not in str(logs)


async def test_the_state_of_a_database_that_is_not_there_is_unavailable(servers: Servers) -> None:
    with pytest.raises(Unavailable):
        await is_current(in_database(servers.owner_url, "nowhere"))


def test_a_migration_that_cannot_be_done_says_why_in_one_line(servers: Servers) -> None:
    with pytest.raises(MigrationError, match='The migration to head was not done: database "nowhere" does not exist'):
        migrate(in_database(servers.owner_url, "nowhere"))
    with pytest.raises(MigrationError, match="The migration to 9999 was not done: Can't locate revision"):
        migrate(servers.owner_url, "9999")
