"""The embedded PostgreSQL: it starts whatever was left behind, keeps what was committed, and leaves nothing running."""

import os
import signal
import subprocess
from pathlib import Path

import asyncpg
import pytest

from app.embedded import account, cluster
from app.embedded.errors import EmbeddedError
from app.embedded.postgres import Postgres
from tests.fixtures.embedded import (
    ask,
    busy_session,
    killed_elsewhere,
    postmaster,
    refusal,
    running,
    soon,
)


def test_new_folder_answers_each_role_in_its_database(shared: tuple[Path, Postgres]) -> None:
    _, postgres = shared
    who = "SELECT concat_ws(' ', current_user, current_database(), 1)"
    assert ask(postgres.owner_url, who) == "feature_api_owner feature_api 1"
    assert ask(postgres.app_url, who) == "feature_api_app feature_api 1"
    assert ask(postgres.superuser_url, who) == "postgres postgres 1"


def test_settings_are_for_a_small_machine_and_loopback_only(shared: tuple[Path, Postgres]) -> None:
    _, postgres = shared
    names = "listen_addresses unix_socket_directories max_connections shared_buffers TimeZone wal_level server_encoding"
    settings = "SELECT array_agg(current_setting(name) ORDER BY place) FROM"
    each = f"string_to_table('{names}', ' ') WITH ORDINALITY AS names (name, place)"
    expected = ["127.0.0.1", "", "200", "128MB", "UTC", "replica", "UTF8"]
    assert ask(postgres.superuser_url, f"{settings} {each}") == expected
    locale = "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'feature_api'"
    assert ask(postgres.owner_url, locale) == "bC.UTF-8"


def test_writes_are_durable_unless_it_is_told_otherwise(folder: Path, postgres: Postgres) -> None:
    names = ("fsync", "synchronous_commit", "full_page_writes")
    switches = "SELECT concat_ws(' ', {})".format(", ".join(f"current_setting('{name}')" for name in names))
    assert ask(postgres.owner_url, switches) == "off off off"
    postgres.stop()
    durable = Postgres(folder)
    durable.start()
    assert ask(durable.owner_url, switches) == "on on on"
    durable.stop()


def test_owner_makes_databases_and_roles_and_takes_the_app_role(shared: tuple[Path, Postgres]) -> None:
    _, postgres = shared
    ask(postgres.owner_url, "CREATE DATABASE copy TEMPLATE feature_api")
    ask(postgres.owner_url, "DROP DATABASE copy", "CREATE ROLE reader", "DROP ROLE reader")
    member = "SELECT pg_has_role('feature_api_app', 'USAGE')"
    assert ask(postgres.owner_url, member) is False
    assert ask(postgres.owner_url, "GRANT feature_api_app TO feature_api_owner", member) is True


def test_app_role_makes_no_table(shared: tuple[Path, Postgres]) -> None:
    _, postgres = shared
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for schema public"):
        ask(postgres.app_url, "CREATE TABLE mine (id int)")
    assert ask(postgres.owner_url, "SELECT count(*) FROM pg_tables WHERE tablename = 'mine'") == 0


def test_login_needs_the_password_from_the_private_file(shared: tuple[Path, Postgres]) -> None:
    folder, postgres = shared
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(postgres.superuser_url.replace("postgres:", "postgres:wrong"))
    assert (folder / "passwords.json").stat().st_mode & 0o777 == 0o600


def test_lost_passwords_are_set_anew_even_after_an_interruption(
    folder: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise EmbeddedError("interrupted")

    old = postgres.app_url
    ask(postgres.owner_url, "CREATE TABLE kept AS SELECT 7 AS id")
    postgres.stop()
    (folder / "passwords.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(cluster, "reset_passwords", interrupted)
        assert refusal(postgres.start) == "interrupted"
    postgres.start()
    assert postgres.app_url != old
    assert ask(postgres.owner_url, "SELECT id FROM kept") == 7


def test_warm_start_keeps_data_and_port(postgres: Postgres) -> None:
    ask(postgres.owner_url, "CREATE TABLE kept AS SELECT 7 AS id")
    url = postgres.owner_url
    postgres.stop()
    postgres.start()
    assert ask(url, "SELECT id FROM kept") == 7


def test_start_of_a_running_server_changes_nothing(shared: tuple[Path, Postgres]) -> None:
    _, postgres = shared
    before = postmaster(postgres)
    postgres.start()
    assert postmaster(postgres) == before


def test_kill_ends_busy_sessions_loses_nothing_committed_and_keeps_the_port(folder: Path) -> None:
    server = Postgres(folder)
    server.start()
    url = server.owner_url
    ask(url, "CREATE TABLE kept AS SELECT 7 AS id")
    with busy_session(url):
        server.kill()
        assert running("postgres", folder) == set()
    server.start()
    assert ask(url, "SELECT id FROM kept") == 7
    server.stop()


def test_busy_session_that_outlived_its_server_is_ended_and_commits_are_kept(folder: Path) -> None:
    url = killed_elsewhere(folder, "Postgres", leash=False)
    ask(url, "CREATE TABLE kept AS SELECT 7 AS id")
    server = Postgres(folder)
    with busy_session(url):
        os.kill(postmaster(server), signal.SIGKILL)
        assert soon(lambda: len(running("postgres", folder)) == 1)
        (orphan,) = running("postgres", folder)
        server.start()
        assert orphan not in running("postgres", folder)
    assert ask(server.owner_url, "SELECT id FROM kept") == 7
    server.stop()


def test_orphan_of_a_killed_run_is_ended_and_its_data_are_kept(folder: Path) -> None:
    url = killed_elsewhere(folder, "Postgres", leash=False)
    ask(url, "CREATE TABLE kept AS SELECT 7 AS id")
    server = Postgres(folder)
    orphan = postmaster(server)
    server.start()
    assert orphan not in running("postgres", folder)
    assert ask(server.owner_url, "SELECT id FROM kept") == 7
    server.stop()


@pytest.mark.parametrize(("kind", "program"), [("Postgres", "postgres"), ("Valkey", "valkey-server")])
def test_server_ends_by_itself_when_its_starter_is_killed(folder: Path, kind: str, program: str) -> None:
    assert killed_elsewhere(folder, kind, leash=True) != ""
    assert soon(lambda: running(program, folder) == set())


def test_pid_file_that_names_a_stranger_is_no_obstacle(postgres: Postgres) -> None:
    postgres.stop()
    user = account.account_for(postgres.data_folder)
    with subprocess.Popen(["sleep", "60"], user=user.uid, group=user.gid, extra_groups=user.groups) as stranger:
        (postgres.data_folder / "postmaster.pid").write_text(f"{stranger.pid}\n{postgres.data_folder}\n")
        postgres.start()
        stranger.kill()
    assert ask(postgres.owner_url, "SELECT 1") == 1


def test_stop_leaves_no_process_and_frees_the_folder(folder: Path, postgres: Postgres) -> None:
    assert len(running("postgres", folder)) > 1
    postgres.stop()
    assert running("postgres", folder) == set()
    other = Postgres(folder)
    other.start()
    other.stop()


def test_interrupt_from_the_terminal_does_not_reach_the_server(shared: tuple[Path, Postgres]) -> None:
    folder, _ = shared
    assert os.getsid(0) not in {os.getsid(pid) for pid in running("postgres", folder)}
