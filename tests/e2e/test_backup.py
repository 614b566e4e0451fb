"""The drill: a database is saved, lost, brought back, and is what it was, its trail and its laws included (R49)."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from app.embedded import binaries
from app.embedded.account import account_for
from tests.fixtures.database import drop, execute, in_database
from tests.fixtures.server import ROOT, feature_api
from tests.fixtures.servers import Servers

FOLDER = ROOT / "ops" / "backup"
LAWS = """
    SELECT (SELECT count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace),
      (SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'),
      (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal),
      (SELECT count(*) FROM pg_policies),
      (SELECT array_agg(privilege ORDER BY privilege) FROM (
        SELECT table_name || ' ' || privilege_type || ' ' || grantee AS privilege
        FROM information_schema.role_table_grants
        WHERE grantee LIKE 'feature_api_%' AND table_schema = 'public' AND grantee <> current_user
      ) AS found)
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PostgreSQL's own, of the server's version."""
    return binaries.postgres_programs(account_for(tmp_path_factory.mktemp("account")))


@pytest.fixture
def names(servers: Servers, template: str) -> Iterator[tuple[str, str]]:
    """A database with people and features, and the name of one that is not there."""
    lost, found = f"lost_{uuid4().hex}", f"found_{uuid4().hex}"
    execute(servers.owner_url, f"CREATE DATABASE {lost} TEMPLATE {template}")
    yield lost, found
    for name in (lost, found):
        execute(servers.superuser_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def run(program: str, url: str, programs: Path, *given: str | Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "DATABASE_OWNER_URL": url, "PG_BIN": str(programs)}
    command = [str(FOLDER / program), *map(str, given)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def printed(program: str, url: str, programs: Path, *given: str | Path) -> str:
    found = run(program, url, programs, *given)
    assert found.returncode == 0, found.stderr
    return found.stdout


def laws(url: str) -> tuple[object, ...]:
    async def ask() -> tuple[object, ...]:
        connection = await asyncpg.connect(url)
        try:
            row = await connection.fetchrow(LAWS)
            assert row is not None
            return tuple(row)
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_what_is_lost_comes_back_as_it_was(
    servers: Servers, names: tuple[str, str], programs: Path, tmp_path: Path
) -> None:
    lost, found = (in_database(servers.owner_url, name) for name in names)
    environment = {
        **os.environ,
        "ENVIRONMENT": "development",
        "DATABASE_URL": in_database(servers.app_url, names[0]),
        "DATABASE_OWNER_URL": lost,
        "REDIS_URL": servers.redis_url,
        "DATA_DIR": str(tmp_path),
    }
    assert feature_api(environment, "seed").returncode == 0
    before, ruled = printed("fingerprint", lost, programs), laws(lost)
    entries = [line for line in before.splitlines() if line.startswith("audit_entries|")]
    assert len(entries) == 1 and int(entries[0].split("|")[1]) > 1_000

    file = tmp_path / "feature_api.dump"
    assert printed("backup", lost, programs, file) == ""
    assert (file.stat().st_mode & 0o777, sorted(tmp_path.glob("*.part"))) == (0o600, [])
    drop(servers, names[0])
    execute(servers.owner_url, f"CREATE DATABASE {names[1]}")
    printed("restore", found, programs, file)

    assert printed("fingerprint", found, programs) == before
    assert laws(found) == ruled
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        execute(found, "UPDATE audit_entries SET action = 'CREATE'")
    restored = {**environment, "DATABASE_OWNER_URL": found, "DATABASE_URL": in_database(servers.app_url, names[1])}
    assert feature_api(restored, "migrate").returncode == 0  # there is nothing to do

    again = run("restore", found, programs, file)
    assert (again.returncode, "is not empty" in again.stderr) == (1, True)
    assert printed("fingerprint", found, programs) == before


def test_fingerprint_sees_a_changed_row(servers: Servers, names: tuple[str, str], programs: Path) -> None:
    url = in_database(servers.owner_url, names[0])
    columns = "(created_at, id, name, email, role)"
    execute(url, f"INSERT INTO users {columns} VALUES (now(), gen_random_uuid(), 'Ada', 'a@b.c', 'ADMIN')")
    before = printed("fingerprint", url, programs).splitlines()
    execute(url, "UPDATE users SET name = 'Ida'")
    after = printed("fingerprint", url, programs).splitlines()
    assert [line.split("|")[:2] for line in before] == [line.split("|")[:2] for line in after]
    assert [old.split("|")[0] for old, new in zip(before, after, strict=True) if old != new] == ["users"]


def test_backup_that_fails_leaves_no_file(servers: Servers, programs: Path, tmp_path: Path) -> None:
    found = run("backup", in_database(servers.owner_url, "nowhere"), programs, tmp_path / "file")
    assert (found.returncode != 0, list(tmp_path.iterdir())) == (True, [])
