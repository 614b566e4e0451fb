"""A server that is killed around the commit of a keyed write: the caller asks again, and there is one feature (R9)."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from app.config.settings import read_settings
from app.kernel.clock import utc_now
from app.kernel.ids import UserId
from app.parts import tokens_of
from tests.fixtures.database import drop, execute, in_database
from tests.fixtures.events import assert_told, told
from tests.fixtures.server import PLAIN, ROOT, free_port, wait_until_ready
from tests.fixtures.servers import Servers
from tests.fixtures.waiting import soon
from tests.fixtures.world import CREATE, PEOPLE, add_people

# The server, which stops for good around the commit of a keyed write, and says so with a file.
STOPPING = """
import asyncio, pathlib, sys
from app.db.joined import JoinedDatabase

moment, file = sys.argv[1:]
commit = JoinedDatabase.commit

async def stop(self):
    if moment == "after":
        await commit(self)
    pathlib.Path(file).touch()
    await asyncio.Event().wait()

JoinedDatabase.commit = stop
sys.argv[1:] = ["serve"]
from app.cli.main import main
main()
"""


@pytest.fixture
def database(servers: Servers, template: str, tmp_path: Path) -> Iterator[tuple[dict[str, str], str]]:
    name = f"killed_{uuid4().hex}"
    execute(servers.owner_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    environment = {
        **os.environ,
        "ENVIRONMENT": "development",
        "DATABASE_URL": in_database(servers.app_url, name),
        "REDIS_URL": servers.redis_url,
        "DATA_DIR": str(tmp_path),
        "EVENT_STREAM": f"feature-api:events:{name}",
    }
    yield environment, in_database(servers.owner_url, name)
    drop(servers, name)


def start(environment: dict[str, str], *command: str) -> "tuple[subprocess.Popen[str], str]":
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, *command],
        env={**environment, "PORT": str(port)},
        cwd=ROOT,
        text=True,
        stderr=subprocess.DEVNULL,
    )
    return process, f"http://127.0.0.1:{port}"


async def people(url: str) -> dict[str, UserId]:
    connection = await asyncpg.connect(url)
    try:
        return await add_people(connection, PEOPLE.items())
    finally:
        await connection.close()


async def counted(url: str) -> list[int]:
    """Features, entries of the trail, kept answers, and the owners' active features."""
    connection = await asyncpg.connect(url)
    try:
        tables = ("features", "audit_entries", "idempotency_keys")
        found = [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables]
        return [*found, await connection.fetchval("SELECT sum(active_features) FROM users")]
    finally:
        await connection.close()


async def everything_is_told(owner_url: str, environment: dict[str, str]) -> None:
    connection = await asyncpg.connect(owner_url)
    try:
        await assert_told(connection, environment["REDIS_URL"], environment["EVENT_STREAM"])
    finally:
        await connection.close()


def send(url: str, edge: str, token: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}", "idempotency-key": "once"}
    body: Any = {"name": "one"}
    path = "/api/v2/features"
    if edge == "graphql":
        body, path = {"query": CREATE, "variables": {"input": body}}, "/graphql"
    return httpx.post(f"{url}{path}", json=body, headers=headers, timeout=60, verify=PLAIN)


@pytest.mark.parametrize("edge", ["rest", "graphql"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_around_the_commit_and_asked_again_there_is_one_feature(
    database: tuple[dict[str, str], str], tmp_path: Path, edge: str, moment: str
) -> None:
    environment, owner_url = database
    users = asyncio.run(people(owner_url))
    stopped = tmp_path / "stopped"
    process, url = start(environment, "-c", STOPPING, moment, str(stopped))
    try:
        wait_until_ready(url, process)
        settings = read_settings(environment="development", data_dir=tmp_path)
        token = tokens_of(settings).mint(users["user"], utc_now(), timedelta(hours=1))
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(send, url, edge, token)
            soon(stopped.exists)
            process.kill()
            with pytest.raises(httpx.TransportError):
                asked.result(60)
    finally:
        process.kill()
        process.wait(120)
    assert asyncio.run(counted(owner_url)) == ([1, 1, 1, 1] if moment == "after" else [0, 0, 0, 0])

    process, url = start(environment, "-m", "app", "serve")
    try:
        wait_until_ready(url, process)
        answers: list[httpx.Response] = []

        def answered() -> bool:
            """Until PostgreSQL has found out that the first server is gone, its request counts as running."""
            answers.append(send(url, edge, token))
            return answers[-1].status_code != 409

        soon(answered)
        again = send(url, edge, token)
        soon(lambda: len(told(environment["REDIS_URL"], environment["EVENT_STREAM"])) > 0)
    finally:
        process.terminate()
        process.wait(120)
    assert answers[-1].status_code == (201 if edge == "rest" else 200)
    assert ("idempotency-replayed" in answers[-1].headers) is (moment == "after")
    assert (again.content, again.headers["idempotency-replayed"]) == (answers[-1].content, "true")
    assert asyncio.run(counted(owner_url)) == [1, 1, 1, 1]
    asyncio.run(everything_is_told(owner_url, environment))
