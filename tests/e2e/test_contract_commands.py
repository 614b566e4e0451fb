"""`schema check --against`, `openapi check --against` and `operations`: as CI runs them, and as an operator does."""

import json
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import cli
from app.kernel.clock import utc_now
from tests.fixtures.database import execute
from tests.fixtures.server import ROOT, Server, free_port
from tests.fixtures.servers import Servers

SCHEMA, DOCUMENT = ROOT / "schema.graphql", ROOT / "openapi.json"
RELEASED = ROOT / "tests" / "golden" / "released"
MORE = 'type Query {\n  gone: Int\n  unused: Int @deprecated(reason: "Removal after 2020-01-01.")\n'
GONE = "breaking   Query.gone: Field Query.gone was removed. Operations that name it are refused.\n"


def ask(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)])


def told(result: Result) -> str:
    """The one line of what could not be compared."""
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    [line] = result.stderr.splitlines()
    return line


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The schema, with two fields that the code has no more."""
    file = tmp_path / "older.graphql"
    file.write_text(SCHEMA.read_text("utf-8").replace("type Query {\n", MORE), "utf-8")
    return file


@pytest.fixture
def repository(tmp_path: Path, older: Path) -> Path:
    """Of git, with both as they are at the tag v1."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "schema.graphql").write_bytes(older.read_bytes())
    (folder / "openapi.json").write_text(
        DOCUMENT.read_text("utf-8").replace('"/api/v2/features/bulk"', '"/api/v2/old"')
    )
    own = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"], ["tag", "v1"]):
        subprocess.run([*own, *command], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("text", GONE),
        ("markdown", "**1 breaking, 1 dangerous, 0 safe.**"),
        ("json", '{\n  "verdict": "breaking"'),
        ("github", "::error file=schema.graphql,line="),
    ],
)
def test_breaking_change_is_exit_code_1_in_every_form(older: Path, form: str, begins: str) -> None:
    result = ask("schema", "check", "--against", older, "--format", form)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.startswith(begins)


def test_what_fails_is_what_is_asked_for(older: Path, tmp_path: Path) -> None:
    assert ask("schema", "check", "--against", older, "--fail-on", "never").exit_code == 0
    milder = tmp_path / "milder.graphql"
    milder.write_text(older.read_text("utf-8").replace("  gone: Int\n", ""), "utf-8")
    for fail_on, status in (("breaking", 0), ("dangerous", 1), ("never", 0)):
        assert ask("schema", "check", "--against", milder, "--fail-on", fail_on).exit_code == status


def test_git_ref_stands_for_the_file_as_it_was_there(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    for ref in ("v1", "HEAD", "v1:schema.graphql"):
        result = ask("schema", "check", "--against", ref)
        assert (result.exit_code, result.stdout.splitlines(keepends=True)[0]) == (1, GONE)
    result = ask("openapi", "check", "--against", "v1")
    assert result.exit_code == 1
    assert "breaking   POST /api/v2/old: POST /api/v2/old was removed. Who calls it is refused." in result.stdout


def test_url_is_asked_by_introspection_or_is_a_file(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGAINST_TOKEN", server.token("viewer"))
    result = ask("schema", "check", "--against", f"{server.url}/graphql")
    assert (result.exit_code, result.stdout) == (0, "No changes.\n")
    result = ask("openapi", "check", "--against", f"{server.url}/openapi.json")
    assert (result.exit_code, result.stdout) == (0, "No changes.\n")


def test_what_cannot_be_compared_is_exit_code_2_and_one_line(tmp_path: Path, server: Server) -> None:
    (tmp_path / "bad.graphql").write_text("type {")
    (tmp_path / "binary.graphql").write_bytes(b"\xff\xfe")
    away = f"http://user:s3cret@127.0.0.1:{free_port()}/x.graphql?token=s3cret"
    cases: Sequence[tuple[object, str]] = [
        ("no-such-ref", "no-such-ref is no file, no URL, and no ref of git with schema.graphql in it: fatal: "),
        ("--output=x", "--output=x is no file, no URL, and no ref of git with schema.graphql in it: fatal: "),
        (tmp_path / "bad.graphql", "No GraphQL schema: Syntax Error: "),
        (tmp_path / "binary.graphql", f"{tmp_path}/binary.graphql cannot be read as text."),
        (away, f"http://127.0.0.1:{away.split(':')[3].split('/')[0]}/x.graphql gives no answer: ConnectError."),
        (f"{server.url}/nope.graphql", f"{server.url}/nope.graphql answers 404."),
        (f"{server.url}/openapi.json", "No answer to an introspection: "),
    ]
    for source, line in cases:
        found = told(ask("schema", "check", f"--against={source}"))
        assert found.startswith(f"feature-api: {line}") and "s3cret" not in found


def test_code_keeps_what_the_last_release_promised() -> None:
    """What `.ci/run` asks."""
    for command, file in (("schema", "schema.graphql"), ("openapi", "openapi.json")):
        result = ask(command, "check", "--against", RELEASED / file)
        assert result.exit_code == 0, result.output


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, servers: Servers, app_url: str, owner_url: str) -> str:
    """A database in which two clients asked for something, one of them long ago; the commands use it."""
    for name, value in {
        "DATABASE_URL": app_url,
        "DATABASE_OWNER_URL": owner_url,
        "REDIS_URL": servers.redis_url,
        "DATA_DIR": str(tmp_path),
        "ENVIRONMENT": "development",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("app.cli.main.configure_logging", lambda level, form: None)  # it is for a whole process
    for client, document, days in (("web", "query Mine { gone viewer { id } }", 5), ("ios", "{ unused }", 60)):
        hash, at = sha256(document.encode()).hexdigest(), utc_now() - timedelta(days=days)
        name = "'Mine'" if "Mine" in document else "NULL"
        execute(
            owner_url,
            f"""INSERT INTO recorded_operations VALUES
            ('\\x{hash}', '{client}', '1.0', {name}, '{document}', 7, '{at}', '{at}')""",
        )
    return owner_url


def test_only_what_breaks_a_client_fails_and_the_client_is_named(recorded: str, older: Path) -> None:
    result = ask("schema", "check", "--against", older, "--clients")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        GONE.rstrip(),
        "           breaks web 1.0 (Mine)",
        "safe       Query.unused: Field Query.unused was removed. It was deprecated, and its day, 2020-01-01, is over."
        " No operation that was seen uses it.",
        "1 breaking, 0 dangerous, 1 safe.",
    ]
    result = ask("schema", "check", "--against", older, "--clients", "--days", "90")
    assert "           breaks ios 1.0 (anonymous" in result.stdout
    assert result.stdout.splitlines()[-1] == "2 breaking, 0 dangerous, 0 safe."
    nobody = ask("schema", "check", "--against", older, "--clients", "--days", "1")
    assert told(nobody).startswith("feature-api: No operation is known, so nothing can be said of clients")


def test_trusted_documents_are_clients_that_may_come_at_any_time(
    recorded: str, older: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"abc": "query T { unused }"}))
    monkeypatch.setenv("TRUSTED_DOCUMENTS", "allow")
    monkeypatch.setenv("TRUSTED_DOCUMENTS_PATH", str(tmp_path / "manifest.json"))
    result = ask("schema", "check", "--against", older, "--clients")
    assert "           breaks trusted documents (abc)" in result.stdout
    (tmp_path / "manifest.json").write_text("{")
    assert told(ask("operations", "list")).startswith("feature-api: TRUSTED_DOCUMENTS_PATH: manifest.json is no valid")


def test_operations_travel_as_a_file_to_where_no_database_is(
    recorded: str, older: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = ask("operations", "export", "--days", "90")
    assert exported.exit_code == 0
    file = tmp_path / "operations.json"
    file.write_text(exported.stdout)
    monkeypatch.setenv("DATABASE_URL", f"postgresql://x@127.0.0.1:{free_port()}/x")
    for days, summary in (("30", "1 breaking, 0 dangerous, 1 safe."), ("90", "2 breaking, 0 dangerous, 0 safe.")):
        result = ask("schema", "check", "--against", older, "--operations", file, "--days", days)
        assert (result.exit_code, result.stdout.splitlines()[-1]) == (1, summary)
    file.write_text('{"operations": [{"hash": 1}]}')
    line = told(ask("schema", "check", "--against", older, "--operations", file))
    assert line == f"feature-api: {file} is nothing that `feature-api operations export` wrote."


def test_operations_are_listed_the_last_first(recorded: str) -> None:
    lines = ask("operations", "list", "--days", "90").stdout.splitlines()
    assert [line.split()[1:4] for line in lines] == [["7", "web", "1.0"], ["7", "ios", "1.0"]]
    assert len(ask("operations", "list").stdout.splitlines()) == 1


def test_unused_fields_are_listed(recorded: str) -> None:
    execute(recorded, "UPDATE recorded_operations SET document = '{ viewer { id name } }'")
    fields = ask("operations", "unused-fields").stdout.splitlines()
    assert "User.email" in fields and not {"User.id", "User.name", "Query.viewer"} & set(fields)
    assert ask("operations", "unused-fields", "--deprecated").stdout == ""  # nothing is deprecated today
