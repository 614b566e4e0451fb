"""What kills servers, databases and Redis at random, and has them come back."""

import asyncio
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import asyncpg
import httpx

from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey
from tests.fixtures.production import PLAIN
from tests.fixtures.server import ROOT

PATIENCE = 90.0  # seconds until a server has come back
PAUSE = (0.2, 1.2)  # seconds between two deaths
DRAIN = 40.0  # seconds that a server which is told to stop may take


class Server:
    """A server process on a port of its own, again and again."""

    def __init__(self, environment: Mapping[str, str], port: int, log: Path) -> None:
        self._environment, self._log = {**environment, "PORT": str(port)}, log
        self.url = f"http://127.0.0.1:{port}"
        self.up = False
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._process = process = await asyncio.to_thread(self._launch)
        deadline = asyncio.get_running_loop().time() + PATIENCE
        async with httpx.AsyncClient(verify=PLAIN) as http:
            while not await self._alive(http):
                assert process.poll() is None, f"it ended by itself: {self._log.read_text()[-2000:]}"
                assert asyncio.get_running_loop().time() < deadline, "it did not come back"
                await asyncio.sleep(0.05)
        self.up = True

    async def end(self, how: signal.Signals) -> None:
        assert self._process is not None
        self.up = False
        self._process.send_signal(how)
        await asyncio.to_thread(self._process.wait, DRAIN)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _launch(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "app", "serve"]
        with self._log.open("ab") as stream:
            return subprocess.Popen(command, env=self._environment, cwd=ROOT, stderr=stream)

    async def _alive(self, http: httpx.AsyncClient) -> bool:
        try:
            return (await http.get(f"{self.url}/health/live")).status_code == 200
        except httpx.TransportError:
            return False


class Deaths:
    """Each kind in turn, in an order that chance gives; a server that is not back yet is spared."""

    def __init__(self, servers: list[Server], postgres: Postgres, valkey: Valkey, chance: random.Random) -> None:
        self._servers, self._postgres, self._chance = servers, postgres, chance
        self._returning: set[asyncio.Task[None]] = set()
        self.counted: Counter[str] = Counter()
        self.kinds: dict[str, Callable[[], Awaitable[bool]]] = {
            "server killed": lambda: self._server(signal.SIGKILL),
            "server stopped": lambda: self._server(signal.SIGTERM),
            "database killed": lambda: self._store(postgres.kill, postgres.start),
            "database restarted": lambda: self._store(postgres.stop, postgres.start),
            "sessions ended": self._sessions,
            "redis killed": lambda: self._store(valkey.kill, valkey.start),
            "redis restarted": lambda: self._store(valkey.stop, valkey.start),
        }

    async def run(self, seconds: float) -> None:
        """Until then, and until all are back."""
        loop = asyncio.get_running_loop()
        end, left = loop.time() + seconds, list[str]()
        while loop.time() < end:
            await asyncio.sleep(self._chance.uniform(*PAUSE))
            if not left:
                left = self._chance.sample(list(self.kinds), len(self.kinds))
            kind = next((kind for kind in left if "server" not in kind or any(s.up for s in self._servers)), None)
            if kind is not None:
                left.remove(kind)
                self.counted[kind] += await self.kinds[kind]()
        await asyncio.gather(*self._returning)

    async def _server(self, how: signal.Signals) -> bool:
        server = self._chance.choice([server for server in self._servers if server.up])

        async def die() -> None:
            await server.end(how)
            await server.start()

        server.up = False
        task = asyncio.create_task(die())
        self._returning.add(task)
        return True

    async def _store(self, end: Callable[[], None], start: Callable[[], None]) -> bool:
        await asyncio.to_thread(end)
        await asyncio.sleep(self._chance.uniform(0, 0.5))
        await asyncio.to_thread(start)
        return True

    async def _sessions(self) -> bool:
        connection = await asyncpg.connect(self._postgres.superuser_url)
        try:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'feature-api'"
            )
        finally:
            await connection.close()
        return True
