"""The run book's own lines, as whoever is called at night types them: run, and telling what they shall (R67)."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
import redis

from app.auth.key_ring import new_key
from app.config.settings import Settings
from app.embedded import binaries
from app.embedded.account import account_for
from tests.fixtures.database import execute, in_database
from tests.fixtures.production import Production, Serving
from tests.fixtures.provider import held_provider
from tests.fixtures.server import PLAIN, ROOT, feature_api
from tests.fixtures.servers import Servers
from tests.fixtures.waiting import eventually

TEXT = (ROOT / "docs" / "runbook.md").read_text()
PROSE = re.sub(r"^ *```.*?^ *```", "", TEXT, flags=re.MULTILINE | re.DOTALL)
SPANS = [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", PROSE)]
WORDS = {"INTERNAL", "UNAVAILABLE", "PID", "PONG", "SERVER", "OOM", "WRONGTYPE", "NOPERM", "XADD"}  # no settings


def blocks(language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", TEXT, re.MULTILINE | re.DOTALL)


def lines(program: str) -> list[str]:
    """Whole lines of the blocks, and what stands in the text, of that program; without comments."""
    shell = [re.split(r"\s+# ", line)[0] for block in blocks("sh") for line in block.splitlines()]
    return [line for line in (*shell, *SPANS) if line.startswith(f"{program} ")]


def shell(command: str) -> str:
    found = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.fixture(scope="module")
def serving(production: Production) -> Iterator[Serving]:
    with production.serving() as found:
        yield found


@dataclass(frozen=True)
class Night:
    """Who is called: the owner, to whom the run book's two roles were granted; and a server's login."""

    owner_url: str
    app_url: str


@pytest.fixture(scope="module")
def night(servers: Servers, production: Production) -> Iterator[Night]:
    (granted,) = re.findall(r"`GRANT (.+) TO feature_api`", TEXT)
    name, login, owner = f"night_{uuid4().hex}", f"login_{uuid4().hex}", urlsplit(servers.owner_url).username
    execute(
        servers.superuser_url,
        f"CREATE ROLE {name} LOGIN PASSWORD 'x' IN ROLE {owner}, {granted}",
        f"CREATE ROLE {login} LOGIN PASSWORD 'x' IN ROLE feature_api_app",
    )
    parts = urlsplit(production.owner_url)
    place = f"x@{parts.hostname}:{parts.port}"
    yield Night(*(urlunsplit(parts._replace(netloc=f"{role}:{place}")) for role in (name, login)))
    execute(servers.superuser_url, f"DROP ROLE {name}", f"DROP ROLE {login}")


@asynccontextmanager
async def sleeping(night: Night) -> AsyncIterator[tuple[asyncpg.Connection, int, "asyncio.Task[str]"]]:
    """The owner's connection, and a session of the application in which something takes long."""
    names = {"application_name": "feature-api"}
    owner, app = await asyncpg.connect(night.owner_url), await asyncpg.connect(night.app_url, server_settings=names)
    sleep = asyncio.create_task(app.execute("SELECT pg_sleep(60) /* what takes so long */"))
    try:
        yield owner, app.get_server_pid(), sleep
    finally:
        app.terminate()
        sleep.cancel()
        await asyncio.gather(sleep, return_exceptions=True)
        await owner.close()


def statement(start: str) -> str:
    (found,) = [block for block in blocks("sql") if block.startswith(start)]
    return found


async def test_what_runs_now_is_seen(night: Night) -> None:
    async with sleeping(night) as (owner, pid, _):
        rows: list[asyncpg.Record] = []

        async def seen() -> bool:
            rows[:] = [row for row in await owner.fetch(statement("SELECT pid, now()")) if row["pid"] == pid]
            return bool(rows) and rows[0]["wait_event"] == "PgSleep"

        await eventually(seen)
        assert "takes so long" in rows[0]["query"] and rows[0]["waits_for"] == []


async def test_how_many_connections_are_ours_is_seen(night: Night) -> None:
    async with sleeping(night) as (owner, _, _):
        ((most, taken, ours),) = await owner.fetch(statement("SELECT current_setting('max_connections')"))
        assert most >= taken > ours >= 1


async def test_a_session_that_holds_others_up_can_be_ended(night: Night) -> None:
    assert "SELECT pg_terminate_backend(PID)" in SPANS
    async with sleeping(night) as (owner, pid, sleep):
        assert await owner.fetchval(f"SELECT pg_terminate_backend({pid})") is True
        with pytest.raises(asyncpg.PostgresConnectionError):
            await asyncio.wait_for(sleep, 20)


def test_tables_and_partitions_and_the_archive_are_told(night: Night) -> None:
    async def ask() -> list[list[asyncpg.Record]]:
        connection = await asyncpg.connect(night.owner_url)
        try:
            assert "ANALYZE features" in SPANS
            await connection.execute("ANALYZE features")
            starts = ("SELECT relname", "SELECT inhrelid", "SELECT last_archived_wal")
            return [await connection.fetch(statement(start)) for start in starts]
        finally:
            await connection.close()

    tables, partitions, archive = asyncio.run(ask())
    assert len(tables) == 10 and len(archive) == 1
    assert len(partitions) == 4 and all(re.match(r"audit_entries_", row["partition"]) for row in partitions)


def test_every_line_with_curl_answers(serving: Serving) -> None:
    wanted = {
        "/health": ['"status":"ok"'],
        "/metrics": [f'state="{state}"' for state in ("lent", "open", "max")],
        "/health/live": ["200"],
        "/health/ready": ['"database":"ok"', '"migrations":"ok"'],
    }
    asked = [line for line in lines("curl") if "http://SERVER:8000" in line]
    paths = [re.findall(r"http://SERVER:8000(\S+)", line)[0] for line in asked]
    assert paths == list(wanted)
    for line, path in zip(asked, paths, strict=True):
        answer = shell(line.replace("http://SERVER:8000", serving.url)).replace(" ", "")
        assert [word for word in wanted[path] if word not in answer] == [], answer


async def test_provider_of_single_sign_on_is_asked_as_the_run_book_does() -> None:
    (line,) = [line for line in lines("curl") if "OIDC_ISSUER" in line]
    async with held_provider() as held:
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", line, env={"OIDC_ISSUER": held.issuer, "PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE
        )
        answer, _ = await asyncio.wait_for(process.communicate(), 60)
    assert f'"issuer":"{held.issuer}"' in answer.decode().replace(" ", "")


def test_every_line_of_redis_is_one(servers: Servers) -> None:
    piped = [line.removeprefix('redis-cli -u "$REDIS_URL" ').partition(" | ")[0] for line in lines("redis-cli")]
    asked = [*piped, "info memory"]
    assert len(asked) == 5 and "info memory" in SPANS
    stream = Settings.model_fields["event_stream"].default
    with redis.Redis.from_url(servers.redis_url) as client:
        client.xadd(stream, {"id": "1"})
        answers = {line: client.execute_command(*line.split()) for line in asked}
    assert answers[f"xinfo stream {stream}"][b"length"] >= 1
    assert answers["ping"] is True and answers["slowlog get 5"] is not None
    assert "maxmemory_policy" in answers["info memory"]


def test_every_command_of_ours_does_what_is_said(production: Production) -> None:
    environment = {
        **production.environment,
        "DATABASE_OWNER_URL": production.owner_url,
        "ENCRYPTION_KEYS": new_key(),
    }
    environment.pop("JWT_KEYS_FILE")
    commands = sorted(set(lines("feature-api")))
    assert commands == ["feature-api keys list", "feature-api keys rotate", "feature-api migrate"]
    for command in (commands[2], commands[1], commands[0]):
        found = feature_api(environment, *command.split()[1:])
        assert found.returncode == 0, found.stderr
    assert len(found.stdout.splitlines()) == 1  # the key that was made


def test_jobs_of_the_table_are_those_that_run(serving: Serving) -> None:
    (table,) = re.findall(r"\| task \|.*?\n\n", TEXT, re.DOTALL)
    told = {name for row in table.strip().splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    metrics = httpx.get(f"{serving.url}/metrics", trust_env=False, timeout=60, verify=PLAIN).text
    run = set(re.findall(r'feature_api_job_interval_seconds\{task="(\w+)"\}', metrics))
    assert run - told == set() and told - run <= {"keys"}  # which a server with JWT_KEYS does not read


def test_what_the_log_says_is_what_it_says() -> None:
    code = "".join(path.read_text() for path in (ROOT / "app").rglob("*.py"))
    commands = ("curl", "docker", "feature-api", "helm", "info", "kubectl", "psql", "redis-cli", "maxmemory-policy")
    told = [span for span in SPANS if re.fullmatch(r"[a-z]+( [a-z-]+)+", span) and not span.startswith(commands)]
    assert len(told) >= 6 and [words for words in told if f'"{words}' not in code] == []


def test_settings_exist() -> None:
    told = {name for span in SPANS for name in re.findall(r"^[A-Z]+(?:_[A-Z]+)*$", span)} - WORDS
    assert len(told) > 8 and {name.lower() for name in told} - set(Settings.model_fields) == set()


def test_backup_is_restored_as_the_run_book_does(
    servers: Servers, production: Production, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    (block,) = [one for one in blocks("sh") if "createdb" in one]
    found, owner = f"found_{uuid4().hex}", urlsplit(servers.owner_url)
    database = urlsplit(production.owner_url)
    typed = re.sub(r"=…/feature_api_2\b", f"={in_database(servers.owner_url, found)}", block)
    typed = typed.replace("=… ", f"={production.owner_url} ").replace("feature_api_2", found)
    typed = typed.replace("-O feature_api ", f"-O {owner.username} ").replace(
        "feature_api.dump", str(tmp_path / "dump")
    )
    programs = binaries.postgres_programs(account_for(tmp_path_factory.mktemp("account")))
    assert "…" not in typed
    login = f"PGHOST={owner.hostname} PGPORT={owner.port} PGUSER={owner.username} PGPASSWORD='{owner.password}'"
    with dropped(servers, found):
        told = shell(f"set -e; export PATH={programs}:$PATH {login}; cd {ROOT}\n{typed}")
        before = shell(f"PG_BIN={programs} DATABASE_OWNER_URL={urlunsplit(database)} {ROOT}/ops/backup/fingerprint")
    assert told == before and "audit_entries|" in told


@contextmanager
def dropped(servers: Servers, name: str) -> Iterator[None]:
    try:
        yield
    finally:
        execute(servers.superuser_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
