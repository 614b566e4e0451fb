"""The drill to a moment between two backups: a base, PostgreSQL's log, a mistake, and the time just before it (R49)."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest

from app.db.migrations import migrate
from app.embedded import binaries
from app.embedded.account import Account, account_for
from app.embedded.postgres import Postgres
from tests.fixtures.database import execute
from tests.fixtures.embedded import ask
from tests.fixtures.server import PLAIN, ROOT, Server, feature_api, free_port, serving
from tests.fixtures.servers import Servers
from tests.fixtures.waiting import soon

GUIDE = (ROOT / "docs" / "operations.md").read_text()
MISTAKE = ("DROP TABLE audit_entries", "DELETE FROM features")
LOGIN = "feature_api_backup:of%20the%20backup"
ARCHIVED = "SELECT last_archived_wal >= '{}' FROM pg_stat_archiver"


@dataclass(frozen=True)
class Place:
    """A folder of PostgreSQL's user, who runs the scripts: what an operator would have on two machines."""

    folder: Path
    account: Account
    programs: Path

    def run(self, program: str, *given: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self.folder / "ops" / program), *map(str, given)],  # one of PostgreSQL's own by its whole path
            env={**os.environ, "PG_BIN": str(self.programs), **environment},
            user=self.account.uid,
            group=self.account.gid,
            extra_groups=self.account.groups,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def done(self, program: str, *given: str | Path, **environment: str) -> str:
        found = self.run(program, *given, **environment)
        assert found.returncode == 0, found.stderr
        return found.stdout

    def made(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        self.account.give(folder)
        return folder


@dataclass(frozen=True)
class Disaster:
    """What is left of a server: its base and its log; what it was, and when."""

    postgres: Postgres
    base: Path
    log: Path
    before: str
    moment: datetime
    environment: dict[str, str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    account = account_for(tmp_path_factory.mktemp("account"))
    with tempfile.TemporaryDirectory() as name:  # pytest's own is closed to other users
        folder = Path(name)
        account.give(folder)
        shutil.copytree(ROOT / "ops" / "backup", folder / "ops")
        yield Place(folder, account, binaries.postgres_programs(account))


@pytest.fixture(scope="module")
def disaster(place: Place, servers: Servers) -> Iterator[Disaster]:
    log, postgres = place.made("log"), Postgres(place.folder / "server")
    postgres.start()
    try:
        archive_to(place, log, postgres)
        environment = {
            **os.environ,
            "ENVIRONMENT": "development",
            "DATABASE_URL": postgres.app_url,
            "DATABASE_OWNER_URL": postgres.owner_url,
            "REDIS_URL": servers.redis_url,
            "DATA_DIR": str(place.folder),
            "PORT": str(free_port()),
        }
        migrate(postgres.owner_url)
        base = place.folder / "base"
        execute(postgres.superuser_url, "CREATE ROLE feature_api_backup LOGIN REPLICATION PASSWORD 'of the backup'")
        place.done("base", base, DATABASE_REPLICATION_URL=as_login(postgres.superuser_url, LOGIN))
        assert feature_api(environment, "seed").returncode == 0  # after the base: only the log has it
        before = place.done("fingerprint", DATABASE_OWNER_URL=postgres.owner_url)
        execute(postgres.superuser_url, "SELECT pg_create_restore_point('before_the_mistake')")
        moment = ask(postgres.superuser_url, "SELECT clock_timestamp()")
        assert isinstance(moment, datetime)
        execute(postgres.owner_url, *MISTAKE)
        assert place.run("fingerprint", DATABASE_OWNER_URL=postgres.owner_url).stdout != before
        written = ask(postgres.superuser_url, "SELECT pg_walfile_name(pg_switch_wal())")
        soon(lambda: ask(postgres.superuser_url, ARCHIVED.format(written)) is True)
        yield Disaster(postgres, base, log, before, moment, environment)
    finally:
        postgres.remove()


def archive_to(place: Place, log: Path, postgres: Postgres) -> None:
    command = f"{place.folder / 'ops' / 'archive'} {log} %p %f"
    settings = ("archive_mode = 'on'", f"archive_command = '{command}'", "archive_timeout = 60")
    with (postgres.data_folder / "postgresql.conf").open("a") as file:
        file.write("\n".join(settings) + "\n")
    with (postgres.data_folder / "pg_hba.conf").open("a") as file:
        file.write("host replication feature_api_backup 127.0.0.1/32 scram-sha-256\n")
    postgres.stop()
    postgres.start()


def as_login(url: str, login: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.hostname}:{parts.port}"))


def put(postgres: Postgres, data: Path) -> None:
    """Another data folder in the place of the server's own, which is lost."""
    postgres.stop()
    old = postgres.data_folder
    shutil.rmtree(old)
    data.rename(old)
    postgres.start()


def test_what_is_older_than_the_base_may_go(place: Place, disaster: Disaster) -> None:
    """Before the others, which go back without it."""
    (line,) = re.findall(r"`(pg_archivecleanup /backup/log NAME)`", GUIDE)
    (mark,) = disaster.log.glob("*.backup")
    before = {path.name for path in disaster.log.iterdir()}
    older = {name for name in before if name < mark.name.partition(".")[0]}
    assert older
    program, *given = line.replace("/backup/log", str(disaster.log)).replace("NAME", mark.name).split()
    place.done(str(place.programs / program), *given)
    assert {path.name for path in disaster.log.iterdir()} == before - older
    place.done("verify", disaster.base)


@pytest.mark.parametrize("kind", ["time", "name"])
def test_mistake_is_undone_by_going_back_to_just_before_it(place: Place, disaster: Disaster, kind: str) -> None:
    value = disaster.moment.astimezone(UTC).isoformat(" ") if kind == "time" else "before_the_mistake"
    found = place.folder / f"found_{kind}"
    place.done("restore-to", disaster.base, disaster.log, found, kind, value)
    put(disaster.postgres, found)

    owner_url, superuser_url = disaster.postgres.owner_url, disaster.postgres.superuser_url
    # It lets readers in before it is there: what they see then is from before.
    soon(lambda: ask(superuser_url, "SELECT pg_is_in_recovery()") is False)
    assert place.done("fingerprint", DATABASE_OWNER_URL=owner_url) == disaster.before
    counts = dict(line.split("|")[:2] for line in disaster.before.splitlines())
    assert int(counts["audit_entries"]) > 1_000 and int(counts["features"]) > 500
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        execute(owner_url, "UPDATE audit_entries SET action = 'CREATE'")
    assert ask(superuser_url, "SHOW archive_mode") == "off"  # nothing is added to the log before somebody has looked
    with serving(disaster.environment) as url:
        bearer = {"authorization": f"Bearer {Server(url, disaster.environment).token('viewer')}"}
        query = {"query": "{ features { totalCount } }"}
        asked = httpx.post(f"{url}/graphql", json=query, headers=bearer, timeout=60, verify=PLAIN).json()
        assert asked == {"data": {"features": {"totalCount": int(counts["features"])}}}
        assert httpx.get(f"{url}/health/ready", timeout=60, verify=PLAIN).status_code == 200


def test_base_of_a_server_that_went_back_has_but_one_moment_to_go_to(place: Place, disaster: Disaster) -> None:
    found, base, again = (place.folder / name for name in ("found_first", "base_of_it", "found_again"))
    place.done("restore-to", disaster.base, disaster.log, found, "name", "before_the_mistake")
    put(disaster.postgres, found)
    soon(lambda: ask(disaster.postgres.superuser_url, "SELECT pg_is_in_recovery()") is False)
    login = as_login(disaster.postgres.superuser_url, LOGIN)
    place.done("base", base, DATABASE_REPLICATION_URL=login)
    place.done("restore-to", base, disaster.log, again, "time", "2026-11-20 03:12:00+00")
    lines = (again / "postgresql.auto.conf").read_text().splitlines()
    assert [line for line in lines if line.startswith(("recovery_target_", "restore_command"))] == [
        f'restore_command = \'cp "{disaster.log}/%f" "%p"\'',
        "recovery_target_time = '2026-11-20 03:12:00+00'",
        "recovery_target_action = 'promote'",
    ]


def test_log_is_kept_whole_and_never_overwritten(place: Place) -> None:
    log, piece = place.made("kept"), place.folder / "piece"
    piece.write_bytes(b"one")
    piece.chmod(0o644)
    for _ in range(2):  # PostgreSQL asks again where it did not hear that it was done
        place.done("archive", log, piece, "0001")
    piece.write_bytes(b"two")
    assert place.run("archive", log, piece, "0001").returncode != 0
    assert [(path.name, path.read_bytes()) for path in log.iterdir()] == [("0001", b"one")]
    assert (log / "0001").stat().st_mode & 0o777 == 0o600
    assert place.run("archive", place.folder / "not mounted", piece, "0002").returncode != 0
    assert place.run("archive", log, place.folder / "missing", "0002").returncode != 0
    assert [path.name for path in log.iterdir()] == ["0001"]


def test_base_that_fails_leaves_no_folder(place: Place, servers: Servers) -> None:
    nowhere = as_login(servers.owner_url, "nobody:x")
    assert place.run("base", place.folder / "half", DATABASE_REPLICATION_URL=nowhere).returncode != 0
    assert list(place.folder.glob("half*")) == []


def test_nothing_that_is_there_is_written_over(place: Place, disaster: Disaster) -> None:
    there = place.made("there")
    again = place.run("restore-to", disaster.base, disaster.log, there, "name", "x")
    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    again = place.run("base", there, DATABASE_REPLICATION_URL=disaster.postgres.superuser_url)
    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    assert list(there.iterdir()) == []
    wrong = place.run("restore-to", disaster.base, disaster.log, place.folder / "other", "lsn", "0/0")
    assert (wrong.returncode, wrong.stderr.startswith("usage:")) == (1, True)


def test_base_that_was_spoiled_is_not_restored(place: Place, disaster: Disaster) -> None:
    spoiled = place.folder / "spoiled"
    shutil.copytree(disaster.base, spoiled)
    for path in (spoiled, *spoiled.rglob("*")):
        place.account.give(path)
    with (spoiled / "global" / "pg_filenode.map").open("r+b") as file:
        file.write(b"x")
    found = place.run("restore-to", spoiled, disaster.log, place.folder / "never", "name", "before_the_mistake")
    assert found.returncode != 0
    assert list(place.folder.glob("never*")) == []
