"""`make profile`: statements and CPU time per request of four typical operations, on servers started for it.

CPU time is the server process's own, and PostgreSQL's beside it; how fast the machine or the load is does not matter
much. Times of day and requests per second are not reported: on shared machines they say nothing.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
from rich.console import Console
from rich.table import Table

from app.db.migrations import migrate
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey
from app.seed.seed import seed

ROOT = Path(__file__).parents[1]
CATALOGUE = ROOT / "web" / "node_modules" / "web-features" / "data.json"
SCALE = 40  # times the catalogue: some 48,000 features, 107,000 audit entries
CONCURRENCY = 16
PORT = 18_700
people = Console()
NONE: Mapping[str, str] = {}

W1 = "query W1($id: ID!) { feature(id: $id) { id name status owner { id name } } }"
W2 = """query W2 { features(first: 20) { pageInfo { hasNextPage endCursor } nodes { id name status owner { id name }
  auditEntries(first: 5) { nodes { id action createdAt actor { id name } } } } } }"""
W3 = "query W3 { features(first: 100) { nodes { id name description status version category createdAt updatedAt } } }"
W4 = """mutation W4($input: CreateFeatureInput!) { createFeature(input: $input) { feature { id version }
  userErrors { message } } }"""


@dataclass(frozen=True)
class Workload:
    name: str
    query: str
    variables: Callable[[int], dict[str, object]]
    requests: int


@dataclass(frozen=True)
class Servers:
    process: psutil.Process
    postgres: psutil.Process
    client: httpx.AsyncClient

    def cpu(self) -> tuple[float, float]:
        """Seconds that the server, and PostgreSQL with its children, have used so far."""
        families = [self.postgres, *self.postgres.children(recursive=True)]
        return _cpu(self.process), sum(_cpu(process) for process in families)

    async def statements(self) -> Counter[str]:
        text = (await self.client.get("/metrics")).text
        found: Counter[str] = Counter()
        for line in text.splitlines():
            if line.startswith("database_query_duration_seconds_count"):
                name, value = line.rsplit(" ", 1)
                found[name.split('"')[1]] = int(float(value))
        return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        postgres, valkey = Postgres(Path(folder) / "postgres"), Valkey(Path(folder) / "valkey")
        postgres.start()
        valkey.start()
        try:
            people.print(f"Loading {SCALE} times the catalogue …")
            migrate(postgres.owner_url)
            asyncio.run(seed(postgres.owner_url, CATALOGUE, SCALE))
            with server(postgres, valkey, Path(folder)):
                asyncio.run(_measure(postgres, valkey, Path(folder)))
        finally:
            valkey.stop()
            postgres.stop()


def _environment(postgres: Postgres, valkey: Valkey, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "ENVIRONMENT": "development",
        "DATABASE_URL": postgres.app_url,
        "REDIS_URL": valkey.url,
        "DATA_DIR": str(folder),
        "PORT": str(PORT),
        "USER_POINTS": "1000000000",
        "ACTIVE_FEATURE_LIMIT": "1000000",
    }


@contextmanager
def server(postgres: Postgres, valkey: Valkey, folder: Path, settings: Mapping[str, str] = NONE) -> Iterator[None]:
    """Runs; its process id is in the folder, in the file `pid`."""
    command = [sys.executable, "-m", "app", "serve"]
    environment = {**_environment(postgres, valkey, folder), **settings}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    (folder / "pid").write_text(str(process.pid))
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


async def token(postgres: Postgres, valkey: Valkey, folder: Path) -> str:
    """An administrator's."""
    found = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "app", "token", "--role", "admin"],
        cwd=ROOT,
        env=_environment(postgres, valkey, folder),
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.strip()


async def _measure(postgres: Postgres, valkey: Valkey, folder: Path) -> None:
    headers = {"authorization": f"Bearer {await token(postgres, valkey, folder)}", "content-type": "application/json"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", headers=headers, timeout=30) as client:
        await wait_until_ready(client)
        process = psutil.Process(int((folder / "pid").read_text()))
        postmaster = psutil.Process(int((postgres.data_folder / "postmaster.pid").read_text().split()[0]))
        servers = Servers(process, postmaster, client)
        page = await _ask(client, "{ features(first: 100) { nodes { id } } }", {})
        ids = [node["id"] for node in page["features"]["nodes"]]
        table = Table("", "server CPU ms", "PostgreSQL CPU ms", "statements", title="per request")
        for workload in (
            Workload("W1 one feature with its owner", W1, lambda n: {"id": ids[n % len(ids)]}, 3000),
            Workload("W2 twenty with owner, five entries, actors", W2, lambda n: {}, 400),
            Workload("W3 a hundred, eight scalars", W3, lambda n: {}, 400),
            Workload("W4 create", W4, lambda n: {"input": {"name": f"bench {time.monotonic_ns()} {n}"}}, 1500),
        ):
            table.add_row(workload.name, *await _run(servers, workload))
        people.print(table)


async def _run(servers: Servers, workload: Workload) -> tuple[str, str, str]:
    await _load(servers, workload, workload.requests // 10)  # warm
    before, statements = servers.cpu(), await servers.statements()
    await _load(servers, workload, workload.requests)
    after = servers.cpu()
    run = await servers.statements() - statements
    each = [1000 * (end - start) / workload.requests for start, end in zip(before, after, strict=True)]
    counted = ", ".join(f"{name} {count / workload.requests:.2g}" for name, count in run.items() if count > 5)
    return f"{each[0]:.3g}", f"{each[1]:.3g}", counted


async def _load(servers: Servers, workload: Workload, requests: int) -> None:
    numbers = iter(range(requests))

    async def work() -> None:
        for number in numbers:
            await _ask(servers.client, workload.query, workload.variables(number))

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


async def _ask(
    client: httpx.AsyncClient, query: str, variables: dict[str, object]
) -> dict[str, dict[str, list[dict[str, str]]]]:
    response = await client.post("/graphql", content=orjson.dumps({"query": query, "variables": variables}))
    answer = response.json()
    assert "errors" not in answer, answer
    data: dict[str, Any] = answer["data"]
    return data


async def wait_until_ready(client: httpx.AsyncClient) -> None:
    for _ in range(200):
        try:
            if (await client.get("/health/ready")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.05)
    raise RuntimeError("the server did not get ready")


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
