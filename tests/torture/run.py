"""One run: stores that keep what they acknowledged, two servers on them, clients, deaths, and what is left of all."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg

from app.auth.keys import development_keys
from app.auth.tokens import Tokens
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey
from app.kernel.clock import utc_now
from tests.fixtures import events
from tests.fixtures.faults import migrated_server
from tests.fixtures.server import free_port
from tests.fixtures.world import PEOPLE, add_people
from tests.fixtures.writes import FAULTS
from tests.torture.clients import Clients
from tests.torture.deaths import Deaths, Server
from tests.torture.history import Entry, faults

SERVERS, CLIENTS = 2, 8
PLENTY = "1000000000"
STREAM = "feature-api:events"
PATIENCE = 60  # seconds until all events are published
UNLIMITED = ("USER_POINTS", "USER_REQUESTS", "REST_POST_LIMIT", "REST_GET_LIMIT", "REST_PUT_LIMIT")
ENTRIES = """SELECT feature_id, version, action, new_values ->> 'name' AS name,
    new_values ->> 'description' AS description FROM audit_entries"""


@dataclass(frozen=True, slots=True)
class Report:
    outcomes: Counter[str]
    deaths: Counter[str]
    faults: list[str]

    def __str__(self) -> str:
        told = [f"{name}: {count}" for name, count in sorted({**self.outcomes, **self.deaths}.items())]
        return "\n".join([", ".join(told), *self.faults[:20], f"{len(self.faults)} faults"])


def torture(folder: Path, seconds: float, seed: int) -> Report:
    """`folder` is empty, and keeps the servers' logs. The seed decides what is done, not when."""
    with ExitStack() as started:
        postgres = started.enter_context(migrated_server())
        valkey = Valkey(folder / "valkey", durable=True)
        started.callback(valkey.stop)
        valkey.start()
        tokens = Tokens(development_keys(folder / "keys.json"), "feature-api", "feature-api")
        environment = {
            **os.environ,
            "ENVIRONMENT": "production",
            "DATABASE_URL": postgres.app_url,
            "REDIS_URL": valkey.url,
            "JWT_KEYS_FILE": str(folder / "keys.json"),
            "DATA_DIR": str(folder),
            "LOG_LEVEL": "warning",
            "ACTIVE_FEATURE_LIMIT": "1000000",
            "EVENT_STREAM": STREAM,
            "EVENT_STREAM_LENGTH": "100000000",
            **dict.fromkeys(UNLIMITED, PLENTY),
        }
        servers = [Server(environment, free_port(), folder / f"{number}.log") for number in range(SERVERS)]
        for server in servers:
            started.callback(server.kill)
        return asyncio.run(_run(servers, postgres, valkey, tokens, seconds, random.Random(seed)))


async def _run(
    servers: list[Server], postgres: Postgres, valkey: Valkey, tokens: Tokens, seconds: float, chance: random.Random
) -> Report:
    async with connected(postgres) as owner:
        users = await add_people(owner, PEOPLE.items())
    await asyncio.gather(*(server.start() for server in servers))
    urls = [server.url for server in servers]
    clients = Clients(urls, lambda: tokens.mint(users["user"], utc_now(), timedelta(hours=1)), chance)
    running = [asyncio.create_task(clients.run(number)) for number in range(CLIENTS)]
    deaths = Deaths(servers, postgres, valkey, random.Random(chance.random()))
    try:
        await deaths.run(seconds)
    finally:
        clients.stop()
        await asyncio.gather(*running)
    async with connected(postgres) as owner:
        waiting = await _waiting(owner)
        rows = await owner.fetch(ENTRIES)
        unsound = [f"{law}: {tuple(row)}" for law, sql in FAULTS.items() for row in await owner.fetch(sql)]
        trail = await owner.fetch(events.ENTRIES)
    entries = [Entry(str(row[0]), *row[1:]) for row in rows]
    told = events.told(valkey.url, STREAM)
    outcomes = Counter(str(act.outcome) for act in clients.acts)
    outcomes.update({"events": len(told), "events told again": len(told) - len({event["id"] for event in told})})
    untold = [f"{waiting} events still wait"] * bool(waiting) + list(events.faults_of(trail, told))
    return Report(outcomes, deaths.counted, [*clients.strange, *faults(clients.acts, entries), *unsound, *untold])


async def _waiting(owner: "asyncpg.Connection[asyncpg.Record]") -> int:
    """How many events still wait when the servers, which are all back, have had time enough."""
    left = 0
    for _ in range(PATIENCE * 20):
        left = int(await owner.fetchval("SELECT count(*) FROM outbox"))
        if not left:
            break
        await asyncio.sleep(0.05)
    return left


@asynccontextmanager
async def connected(postgres: Postgres) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    owner = await asyncpg.connect(postgres.owner_url)
    try:
        yield owner
    finally:
        await owner.close()
