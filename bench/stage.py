"""What every server that is measured stands on: one PostgreSQL with the rows, and one Valkey."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.db.migrations import migrate
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey
from bench import data
from bench.machine import Cores, family_cpu_seconds, keep_to_core
from bench.unleash import Unleash, make_unleash


@dataclass(frozen=True)
class Stage:
    """`admin`, `features` and `owners` are keys of rows, `owned` an active feature of each plain user with its owner;
    `folder` is for files of the run."""

    cores: Cores
    folder: Path
    postgres: Postgres
    valkey: Valkey
    admin: str
    features: list[str]
    owners: list[str]
    owned: list[tuple[str, str]]
    unleash: Unleash

    @property
    def postmaster(self) -> int:
        return int((self.postgres.data_folder / "postmaster.pid").read_text().split()[0])

    def postgres_cpu_seconds(self) -> float:
        return family_cpu_seconds(self.postmaster)

    def forget_writes(self) -> int:
        """How many features were created since the last time; they are gone afterwards."""
        return asyncio.run(data.forget_writes(_superuser(self.postgres)))

    def vacuum_from_now_on(self) -> None:
        """As a PostgreSQL does that is at work: what is deleted in a long run does not pile up."""
        asyncio.run(_set(self.postgres, "autovacuum = on"))

    def log_statements(self, wanted: bool) -> None:
        """From now on, also in sessions that are open."""
        asyncio.run(_set(self.postgres, f"log_statement = '{'all' if wanted else 'none'}'"))


@contextmanager
def make_stage(cores: Cores) -> Iterator[Stage]:
    """All of it is stopped and deleted at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="feature-api-bench-")))
        postgres = Postgres(folder / "postgres", durable=False)
        stack.callback(postgres.remove)
        postgres.start()
        valkey = Valkey(folder / "valkey")
        stack.callback(valkey.stop)
        valkey.start()
        migrate(postgres.owner_url)
        # Its work would be counted as a request's; the rows are vacuumed when they are made, and after writes.
        asyncio.run(_set(postgres, "autovacuum = off"))
        asyncio.run(data.make_rows(_superuser(postgres)))
        ids = asyncio.run(data.fetch_ids(_superuser(postgres)))
        stage = Stage(cores, folder, postgres, valkey, *ids, asyncio.run(make_unleash(postgres.superuser_url)))
        keep_to_core(cores.others, stage.postmaster)
        yield stage


def _superuser(postgres: Postgres) -> str:
    """In the database of the rows."""
    address, _, _ = postgres.superuser_url.rpartition("/")
    return f"{address}/{postgres.app_url.rpartition('/')[2]}"


async def _set(postgres: Postgres, setting: str) -> None:
    connection = await asyncpg.connect(postgres.superuser_url)
    try:
        await connection.execute(f"ALTER SYSTEM SET {setting}")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
    await asyncio.sleep(0.2)  # sessions read it when they are next idle
