"""The console command: help that suffices, tokens for development only, and one line for whatever goes wrong."""

import json
import os
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from typer.testing import CliRunner

from app.auth.keys import read_keys
from app.cli.main import cli, main
from tests.fixtures.database import execute
from tests.fixtures.server import ROOT, feature_api, free_port
from tests.fixtures.servers import Servers

type Ask = Callable[..., tuple[int, str, str]]  # (status, standard output, standard error)

USER = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Ask:
    """Runs a command in this process, without any server of our own."""
    for name in (
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "REDIS_URL",
        "JWT_KEYS",
        "JWT_KEYS_FILE",
        "ENCRYPTION_KEYS",
        "ENVIRONMENT",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setattr("app.cli.main.configure_logging", lambda level, form: None)  # it is for a whole process

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["feature-api", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return run


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch, ask: Ask, servers: Servers, app_url: str, owner_url: str) -> str:
    """With one user; the commands use it. Its owner's URL."""
    monkeypatch.setenv("DATABASE_URL", app_url)
    monkeypatch.setenv("DATABASE_OWNER_URL", owner_url)
    monkeypatch.setenv("REDIS_URL", servers.redis_url)
    insert = "INSERT INTO users (id, name, email, role, created_at) VALUES"
    execute(owner_url, f"{insert} ('{USER}', 'Ada', 'ada@example.com', 'MANAGER', now())")
    return owner_url


def refusal(found: tuple[int, str, str]) -> str:
    """The one line of a command that failed."""
    status, out, err = found
    assert (status, out) == (1, ""), err
    [line] = err.splitlines()
    assert line.startswith("feature-api: ")
    return line.removeprefix("feature-api: ")


def test_every_command_and_each_of_its_options_has_a_help_text() -> None:
    whole = typer.main.get_command(cli)
    assert isinstance(whole, typer.core.TyperGroup)
    groups = {name: group for name, group in whole.commands.items() if isinstance(group, typer.core.TyperGroup)}
    assert set(whole.commands) - set(groups) == {
        "run",
        "serve",
        "migrate",
        "revision",
        "seed",
        "token",
        "legacy-report",
        "export",
        "import",
    }
    assert {name: set(group.commands) for name, group in groups.items()} == {
        "schema": {"export", "check"},
        "openapi": {"export", "check"},
        "operations": {"list", "export", "unused-fields"},
        "events": {"status", "replay"},
        "keys": {"rotate", "list", "revoke", "new", "reencrypt"},
        "user": {"create", "list", "set-password", "set-role", "disable", "enable"},
    }
    acts: dict[tuple[str, ...], Any] = {
        (name,): command for name, command in whole.commands.items() if name not in groups
    }
    acts |= {(name, act): command for name, group in groups.items() for act, command in group.commands.items()}
    for path in ((), *((name,) for name in groups), *acts):
        found = CliRunner().invoke(cli, [*path, "--help"])
        assert (path, found.exit_code) == (path, 0)
    for command in acts.values():
        assert command.help and command.help.endswith(".")
        assert all(getattr(parameter, "help", None) for parameter in command.params), command.name


def test_no_command_shows_the_help_and_an_unknown_one_says_so(ask: Ask) -> None:
    status, out, _ = ask()
    assert status in (0, 2) and "schema" in out
    status, _, err = ask("explode")
    assert status == 2 and "No such command 'explode'" in err


def test_token_is_for_the_user_of_that_role_or_email_and_for_so_long(ask: Ask, database: str, tmp_path: Path) -> None:
    for chosen in (
        ["--role", "manager"],
        ["--user", "ada@example.com"],
        ["--role", "MANAGER", "--user", "ada@example.com"],
    ):
        status, out, err = ask("token", *chosen, "--expires", "2")
        assert (status, err, out.count("\n")) == (0, "", 1)
        keys = read_keys((tmp_path / "jwt-keys.json").read_text())
        claims = jwt.decode(out.strip(), keys, algorithms=["Ed25519"]).claims
        assert (claims["sub"], claims["exp"] - claims["iat"]) == (USER, 120)
        assert abs(claims["iat"] - datetime.now(UTC).timestamp()) < 60


def test_token_for_nobody_is_refused(ask: Ask, database: str) -> None:
    assert refusal(ask("token")) == "Say for whom: --role admin, or --user somebody@example.com."
    unknown = "There is no role 'boss': choose one of admin, manager, user, viewer."
    assert refusal(ask("token", "--role", "boss")) == unknown
    nobody = "There is no user of role VIEWER: `feature-api seed` adds users of every role."
    assert refusal(ask("token", "--role", "viewer")) == nobody
    assert refusal(ask("token", "--user", "x@example.com")).startswith("There is no user of email x@example.com:")
    both = ask("token", "--role", "viewer", "--user", "ada@example.com")
    assert refusal(both).startswith("There is no user of role VIEWER and email ada@example.com:")
    for minutes in ("1441", "525600"):
        told = "No server takes a token of more than 86400 s: JWT_MAX_LIFETIME."
        assert refusal(ask("token", "--role", "manager", "--expires", minutes)) == told
    for minutes in ("0", "-1", "525601", "x"):
        assert ask("token", "--role", "manager", "--expires", minutes)[0] == 2


def test_token_is_refused_in_production_and_without_a_private_key(
    ask: Ask, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = KeySet([OKPKey.generate_key("Ed25519", auto_kid=True)])
    monkeypatch.setenv("JWT_KEYS", json.dumps(keys.as_dict(private=False)))
    assert refusal(ask("token", "--role", "manager")) == "JWT_KEYS hold no private key, so nothing can be signed here."
    monkeypatch.setenv("JWT_KEYS", json.dumps(keys.as_dict(private=True)))
    assert ask("token", "--role", "manager")[0] == 0
    monkeypatch.setenv("ENVIRONMENT", "production")
    told = "`token` is for development: in production, tokens come from your issuer."
    assert refusal(ask("token", "--role", "manager")) == told


def test_database_that_is_away_is_one_line_without_its_password(database: str, tmp_path: Path) -> None:
    away = f"postgresql://app:hunter2@127.0.0.1:{free_port()}/features"
    environment = {**os.environ, "DATABASE_URL": away, "DATABASE_OWNER_URL": away, "DATA_DIR": str(tmp_path)}
    for command in (["token", "--role", "manager"], ["migrate"]):
        ended = feature_api(environment, *command)
        line = refusal((ended.returncode, ended.stdout, ended.stderr))
        assert "Connect call failed" in line and "hunter2" not in line


def test_migrate_goes_down_and_up_again_and_keeps_the_users(ask: Ask, database: str) -> None:
    for revision in ("-1", "head"):
        status, out, err = ask("migrate", "--", revision)
        assert (status, out, err) == (0, "", f"The database is at {revision}.\n")
    assert ask("token", "--role", "manager")[0] == 0


def test_seed_without_its_catalogue_says_how_to_get_it(ask: Ask, database: str, tmp_path: Path) -> None:
    status, out, err = ask("seed", "--catalogue", str(tmp_path / "missing.json"))
    last = err.splitlines()[-1]
    assert (status, out, last.startswith("feature-api: ")) == (1, "", True)
    assert str(tmp_path / "missing.json") in last
    assert ask("seed", "--scale", "0")[0] == 2


def test_published_schema_is_the_code_s(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert ask("schema", "export", "--check") == (0, "", "")
    assert ask("schema", "check") == (0, "", "")


def test_stale_schema_fails_with_the_lines_that_differ(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ask("schema", "export") == (0, "", "")
    file = tmp_path / "schema.graphql"
    current = file.read_text()
    stale = current.replace("type Feature implements Node", "type Feature")
    assert stale != current
    file.write_text(stale)
    for command in (["schema", "export", "--check"], ["schema", "check"], ["schema", "check", "--file", str(file)]):
        status, out, err = ask(*command)
        assert (status, out) == (1, "")
        assert "is stale: run `feature-api schema export` and commit it." in err
        differing = [line for line in err.splitlines() if line.startswith(("-type", "+type"))]
        assert differing == ["-type Feature {", "+type Feature implements Node {"]
        assert file.read_text() == stale
    file.unlink()
    assert ask("schema", "check")[0] == 1 and not file.exists()


def test_serve_that_cannot_start_is_one_line(servers: Servers, tmp_path: Path) -> None:
    """As processes: `serve` sets up the logs of a whole process."""
    ours = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "JWT_KEYS", "JWT_KEYS_FILE", "ENVIRONMENT")
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        whole = {
            **inherited,
            "ENVIRONMENT": "development",
            "DATA_DIR": str(tmp_path),
            "PORT": str(port),
            "REDIS_URL": servers.redis_url,
            "DATABASE_URL": servers.app_url,
        }
        elsewhere = {name: value for name, value in whole.items() if name != "DATABASE_URL"} | {
            "PORT": str(free_port())
        }
        cases = {
            "Settings: Value error, DATABASE_URL must be set in production": inherited,
            "DATABASE_URL: set it, or start with `make run`": elsewhere,
            f"PORT: 127.0.0.1:{port} cannot be used (Address already in use)": whole,
        }
        for told, environment in cases.items():
            ended = feature_api(environment, "serve")
            assert refusal((ended.returncode, ended.stdout, ended.stderr)).startswith(told)


def test_signing_keys_are_rotated_listed_and_revoked(ask: Ask, database: str) -> None:
    assert ask("keys", "list") == (0, "", "")
    status, out, err = ask("keys", "rotate")
    assert (status, out.count("KEYS_ROTATED")) == (0, 1)  # the log is not set up here, and goes there
    [line] = ask("keys", "list")[1].splitlines()
    kid, state = line.split()[:2]
    assert (len(kid), state) == (43, "PUBLISHED") and err.splitlines()[-1].startswith(f"The key {kid} signs from ")
    assert refusal(ask("keys", "rotate")).startswith(f"The key {kid} is new itself: it signs from ")
    status, out, err = ask("keys", "revoke", kid)
    assert (status, out.count("KEYS_ROTATED")) == (0, 1)
    assert err.splitlines()[-2] == f"The key {kid} is revoked."
    lines = ask("keys", "list")[1].splitlines()
    assert [line.split()[1] for line in lines] == ["REVOKED", "PUBLISHED"]
    assert lines[1].split()[0] in err.splitlines()[-1]
    assert refusal(ask("keys", "revoke", kid)) == f"The key {kid} is revoked already."
    assert refusal(ask("keys", "revoke", "nobody")).startswith("The database has no key nobody.")


def test_encrypted_columns_are_brought_under_a_new_key(
    ask: Ask, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (ask("keys", "new")[1].strip() for _ in range(2))
    assert old != new
    monkeypatch.setenv("ENCRYPTION_KEYS", old)
    assert ask("keys", "rotate")[0] == 0
    monkeypatch.setenv("ENCRYPTION_KEYS", f"{new},{old}")
    for changed in (1, 0):
        status, out, err = ask("keys", "reencrypt")
        assert (status, out) == (0, "")
        told = f"{changed} of 1 values are newly under the first key, the others were already."
        assert err.splitlines()[-1] == told
    monkeypatch.setenv("ENCRYPTION_KEYS", old)
    status, out, err = ask("keys", "reencrypt")
    told = "feature-api: No key of ENCRYPTION_KEYS opens signing_keys.private_key of "
    assert (status, out, err.splitlines()[-1].startswith(told)) == (1, "", True)
    assert old not in err and new not in err


def test_keys_command_that_lacks_what_it_needs_is_one_line(
    ask: Ask, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCRYPTION_KEYS", "x!")
    assert refusal(ask("keys", "rotate")) == "ENCRYPTION_KEYS: Key 1 of the ring is no Base64: make one with " + (
        "`feature-api keys new`."
    )
    monkeypatch.delenv("ENCRYPTION_KEYS")
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("JWT_KEYS", "{}")
    for command in (["rotate"], ["revoke", "x"], ["reencrypt"]):
        status, out, err = ask("keys", *command)
        assert (status, out) == (1, "")
        assert err.splitlines()[-1].startswith("feature-api: ENCRYPTION_KEYS: set it, since what is secret ")
