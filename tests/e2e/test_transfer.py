"""`feature-api export` and `import` as processes: what they write, who is said to have done it, and how they end."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from app.cli.main import main
from tests.fixtures.database import execute
from tests.fixtures.server import ROOT, feature_api
from tests.fixtures.servers import Servers

type Run = Callable[..., tuple[int, str, str]]

ADA, BOB = "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8058"
TO_ADA = ("--owner", "Ada@example.com")


@pytest.fixture
def environment(servers: Servers, app_url: str, owner_url: str, tmp_path: Path) -> dict[str, str]:
    """Of a database with two users."""
    insert = "INSERT INTO users (id, name, email, role, created_at) VALUES"
    ada = f"('{ADA}', 'Ada', 'ada@example.com', 'MANAGER', now())"
    bob = f"('{BOB}', 'Bob', 'bob@example.com', 'USER', now())"
    execute(owner_url, f"{insert} {ada}, {bob}")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE", "REDIS", "JWT"))}
    ours = {"DATABASE_URL": app_url, "DATABASE_OWNER_URL": owner_url, "REDIS_URL": servers.redis_url}
    return {**inherited, **ours, "DATA_DIR": str(tmp_path / "data"), "ENVIRONMENT": "development"}


@pytest.fixture
def run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """In this process, where it is not about the process itself: (exit code, standard output, standard error)."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("app.cli.main.configure_logging", lambda level, form: None)

    def ended(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["feature-api", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return ended


def rows(environment: dict[str, str], sql: str) -> list[tuple[Any, ...]]:
    async def fetch() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(environment["DATABASE_OWNER_URL"])
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def names(environment: dict[str, str]) -> list[str]:
    return [name for (name,) in rows(environment, "SELECT name FROM features ORDER BY name")]


def told(ended: "subprocess.CompletedProcess[str]") -> tuple[int, list[tuple[int, str]], str]:
    """(exit code, line and code of each bad line, the last line for people)."""
    bad = [json.loads(line) for line in ended.stdout.splitlines()]
    return ended.returncode, [(line["line"], line["code"]) for line in bad], ended.stderr.splitlines()[-1]


LINES = f"""{{"name": "one", "metadata": {{"tags": ["x"]}}}}
{{"name": ""}}
{{"name": "one"}}
{{"name": "=two", "owner_id": "{BOB}"}}

{{"name": "three"
{{"name": "nobody's", "owner_id": "01890a5d-ac96-774b-bcce-b302099a8099"}}
"""


def test_import_creates_the_good_lines_and_prints_the_bad_ones(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "features.jsonl"
    file.write_text(LINES)
    before = [(2, "VALIDATION_ERROR"), (6, "INVALID_JSON")]
    dry = told(feature_api(environment, "import", str(file), "--dry-run", *TO_ADA))
    assert dry == (3, before, "Could create 4 features; 2 lines are bad.")
    assert names(environment) == []

    bad = sorted([*before, (3, "DUPLICATE_NAME"), (7, "NOT_FOUND")])
    done = told(feature_api(environment, "import", str(file), *TO_ADA))
    assert done == (3, bad, "Created 2 features; 4 lines are bad.")
    assert rows(environment, "SELECT name, owner_id::text FROM features ORDER BY name") == [("=two", BOB), ("one", ADA)]
    again = told(feature_api(environment, "import", str(file), *TO_ADA))
    assert again[1] == sorted([*bad, (1, "DUPLICATE_NAME"), (4, "DUPLICATE_NAME")])


def test_what_the_command_line_did_is_in_the_trail_as_nobodys(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "features.csv"
    file.write_bytes(b"name\r\none\r\ntwo\r\n")
    assert feature_api(environment, "import", str(file), *TO_ADA).returncode == 0
    trail = "SELECT action, actor_id, metadata ->> 'requestId' FROM audit_entries"
    found = rows(environment, trail)
    assert [entry[:2] for entry in found] == [("CREATE", None)] * 2
    [request] = {entry[2] for entry in found}
    assert request.startswith("cli-")
    events = rows(environment, "SELECT payload ->> 'actorId', payload ->> 'requestId' FROM outbox")
    assert events == [(None, request)] * 2


def test_line_that_says_no_owner_needs_one(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "features.jsonl"
    file.write_text('{"name": "one"}\n')
    for more in ((), ("--dry-run",)):
        ended = feature_api(environment, "import", str(file), *more)
        [line] = map(json.loads, ended.stdout.splitlines())
        assert (ended.returncode, [error["field"] for error in line["errors"]]) == (3, ["owner_id"])
    assert names(environment) == []


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_what_was_exported_is_imported_as_it_was(environment: dict[str, str], tmp_path: Path, form: str) -> None:
    sent = tmp_path / "sent.jsonl"
    lines = [{"name": name, "description": "a\n'b", "metadata": {"tags": ["é"]}} for name in ("=1", "'q", "z, ü", '"')]
    sent.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert feature_api(environment, "import", str(sent), *TO_ADA).returncode == 0
    fields = "SELECT name, description, metadata::text, owner_id::text FROM features ORDER BY name"
    before, file = rows(environment, fields), tmp_path / f"all.{form}"
    ended = feature_api(environment, "export", str(file))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "Exported 4 features.\n")
    assert file.stat().st_mode & 0o777 == 0o600
    shown = feature_api(environment, "export", "--format", form).stdout  # where ends of lines become one character
    assert shown == file.read_bytes().decode().replace("\r\n", "\n")
    execute(environment["DATABASE_OWNER_URL"], "UPDATE features SET name = name || ' old'")
    assert feature_api(environment, "import", str(file)).returncode == 0
    old = [(f"{name} old", *more) for name, *more in before]
    assert sorted(rows(environment, fields)) == sorted([*before, *old])
    piped = subprocess.run(
        [sys.executable, "-m", "app", "import", "-", "--format", form, "--dry-run"],
        env=environment, cwd=ROOT, input=file.read_bytes(), capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert (piped.returncode, piped.stdout) == (0, b"")


def test_export_is_of_what_the_options_say(environment: dict[str, str], tmp_path: Path, run: Run) -> None:
    file = tmp_path / "features.jsonl"
    file.write_text("".join(f'{{"name": "{n}", "metadata": {{"category": "{n}", "tags": ["t{n}"]}}}}\n' for n in "abc"))
    for email in ("ada@example.com", "bob@example.com"):
        assert run("import", str(file), "--owner", email) == (0, "", "Created 3 features; 0 lines are bad.\n")
    execute(environment["DATABASE_OWNER_URL"], "UPDATE features SET status = 'INACTIVE' WHERE name = 'c'")

    def exported(*options: str) -> list[str]:
        status, out, _ = run("export", *options)
        assert status == 0
        return sorted(json.loads(line)["name"] for line in out.splitlines())

    assert exported() == list("aabbcc")
    assert exported("--owner", "BOB@example.com") == list("abc")
    assert exported("--status", "inactive", "--status", "archived") == list("cc")
    assert exported("--category", "a", "--category", "b", *TO_ADA) == list("ab")
    assert exported("--tag", "tb", "--search", "b", *TO_ADA) == ["b"]


@pytest.mark.parametrize(
    ("command", "status", "line"),
    [
        (["import", "/nowhere/x.jsonl"], 1, "/nowhere/x.jsonl cannot be read (No such file or directory)."),
        (["export", "/nowhere/x.jsonl"], 1, "/nowhere/x.jsonl cannot be written (No such file or directory)."),
        (["export", "--owner", "who@example.com"], 1, "There is no user of email who@example.com."),
        (["import", os.devnull, "--owner", "who@example.com"], 1, "There is no user of email who@example.com."),
        (["export", "--search", "x" * 501], 1, "`search` must have at most 500 characters, and none of them NUL."),
        (["export", "--status", "gone"], 2, ""),
        (["import"], 2, ""),
    ],
)
def test_what_cannot_be_done_is_one_line(run: Run, command: list[str], status: int, line: str) -> None:
    found, out, err = run(*command)
    assert (found, out) == (status, "")
    if line:
        assert err == f"feature-api: {line}\n"


def test_export_that_fails_leaves_no_file_and_an_import_without_a_database_says_so(
    environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "features.jsonl"
    file.write_text('{"name": "one"}\n')
    away = {**environment, "DATABASE_URL": "postgresql://nobody:x@127.0.0.1:9/none"}
    ended = feature_api(away, "export", str(tmp_path / "out.jsonl"))
    assert (ended.returncode, ended.stderr.startswith("feature-api: no database: ")) == (1, True)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["features.jsonl"]
    ended = feature_api(away, "import", str(file), *TO_ADA)
    assert (ended.returncode, ended.stderr.splitlines()[-1].startswith("feature-api: no database: ")) == (1, True)


def test_documents_longer_than_rest_takes_need_no_more_memory(environment: dict[str, str], tmp_path: Path) -> None:
    """40 MB of lines that are bad, so that nothing is written: their number, and the most memory it took."""
    file = tmp_path / "long.jsonl"
    file.write_text('{"name": "", "description": "%s"}\n' % ("x" * 1_900) * 20_000 + '"%s"\n' % ("x" * 2_000_000))
    command = [sys.executable, "-m", "app", "import", str(file), "--dry-run"]
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    watched, first, most, last, lines = psutil.Process(process.pid), 0, 0, b"", 0
    assert process.stdout is not None
    for line in process.stdout:
        last, lines = line, lines + 1
        if lines % 1_000 == 0:
            most = max(most, watched.memory_info().rss)
            first = first or most
    process.communicate()
    assert (process.returncode, lines, json.loads(last)["code"]) == (3, 20_001, "PAYLOAD_TOO_LARGE")
    assert most - first < 20 * 2**20
