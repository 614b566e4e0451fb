"""Signing keys that are rotated and revoked beside two server processes under load (R21)."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from joserfc.jwk import KeySet

from app.auth.key_ring import new_key, read_ring
from app.auth.stored_keys import KeyMaker, KeyReader, StoredKeys
from app.auth.tokens import Tokens
from app.db.connect import PoolSettings
from app.db.database import Database
from app.db.signing_key import SqlSigningKeys
from app.domain.signing_key.service import SigningKeyService
from app.kernel.clock import new_id, utc_now
from app.kernel.ids import UserId
from tests.fixtures.database import drop, execute, in_database
from tests.fixtures.keys import Events
from tests.fixtures.processes import another
from tests.fixtures.server import PLAIN, Server
from tests.fixtures.servers import Servers
from tests.fixtures.waiting import eventually

RING = new_key()
DELAY = timedelta(seconds=1)
USER = UserId(new_id())
ASK = {"query": "{ viewer { name } }"}


@dataclass(frozen=True)
class Site:
    """Two servers in production on one database, with no keys but those in it."""

    urls: tuple[str, str]
    app_url: str
    owner_url: str


@pytest.fixture(scope="module")
def site(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    name = f"keys_{uuid4().hex}"
    execute(servers.owner_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    app_url, owner_url = in_database(servers.app_url, name), in_database(servers.owner_url, name)
    execute(owner_url, f"INSERT INTO users (id, name, role, created_at) VALUES ('{USER}', 'Ada', 'ADMIN', now())")
    ring = Path(tmp_path_factory.mktemp("keys"), "ring")
    ring.write_text(f"{RING}\n")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("JWT_", "DATABASE_"))}
    environment = {
        **inherited,
        "ENVIRONMENT": "production",
        "DATABASE_URL": app_url,
        "REDIS_URL": servers.redis_url,
        "ENCRYPTION_KEYS_FILE": str(ring),
        "SIGNING_KEY_REFRESH": "0.2",
        "SIGNING_KEY_DELAY": str(DELAY.total_seconds()),
        "USER_POINTS": "100000000",
    }
    with ExitStack() as started:
        urls = [started.enter_context(another(Server("", environment))).url for _ in range(2)]
        yield Site((urls[0], urls[1]), app_url, owner_url)
    drop(servers, name)


class Issuer:
    """An operator who rotates, and a server that signs with the database's key of the moment."""

    def __init__(self, site: Site) -> None:
        self._site, maker = site, KeyMaker(read_ring(RING))
        self.tokens = Tokens(KeySet([]), "feature-api", "feature-api", stored=StoredKeys(DELAY))
        self._databases = Database(PoolSettings(site.app_url)), Database(PoolSettings(site.owner_url, role=""))
        as_app, as_owner = (SqlSigningKeys(database, new_id) for database in self._databases)
        self._reader = KeyReader(as_app.fetch_all, maker, self.tokens.stored, utc_now)
        self.operator = SigningKeyService(as_owner, maker, Events().record, DELAY, timedelta(days=1))
        self.client = httpx.AsyncClient(timeout=30, verify=PLAIN)

    async def mint(self) -> str:
        await self._reader.read()
        return self.tokens.mint(USER, utc_now(), timedelta(minutes=5))

    async def signs(self, kid: str) -> bool:
        await self._reader.read()
        key = self.tokens.stored.signer(utc_now())
        return key is not None and key.kid == kid

    async def statuses(self, *tokens: str) -> list[int]:
        """Of each token at each server, all at once."""
        requests = [
            self.client.post(f"{url}/graphql", json=ASK, headers={"authorization": f"Bearer {token}"})
            for url in self._site.urls
            for token in tokens
        ]
        return [response.status_code for response in await asyncio.gather(*requests)]

    async def published(self) -> list[list[str]]:
        sets = [(await self.client.get(f"{url}/.well-known/jwks.json")).json() for url in self._site.urls]
        assert not [key for found in sets for key in found["keys"] if "d" in key]
        return [[key["kid"] for key in found["keys"]] for found in sets]

    async def close(self) -> None:
        await self.client.aclose()
        for database in self._databases:
            await database.close()


async def load(issuer: Issuer, stop: asyncio.Event, found: list[int]) -> None:
    """Without a pause, a new token, the oldest and one between at both servers."""
    tokens = [await issuer.mint()]
    while not stop.is_set():
        tokens.append(await issuer.mint())
        found += await issuer.statuses(tokens[-1], tokens[0], tokens[len(tokens) // 2])


async def test_under_load_no_token_is_refused_through_two_rotations_and_revoked_ones_are(site: Site) -> None:
    issuer, stop, found = Issuer(site), asyncio.Event(), list[int]()
    made = [await issuer.operator.rotate()]
    await eventually(lambda: issuer.signs(made[-1].kid))
    before = await issuer.mint()
    loading = asyncio.create_task(load(issuer, stop, found))
    for _ in range(2):
        made.append(await issuer.operator.rotate())
        await eventually(lambda: issuer.signs(made[-1].kid))
        served = len(found)

        async def is_served(count: int = served + 24) -> bool:
            return loading.done() or len(found) >= count

        await eventually(is_served)
    stop.set()
    await loading
    assert len(found) >= 48 and set(found) == {200}
    assert await issuer.published() == [[key.kid for key in made]] * 2

    await issuer.operator.revoke(made[0].kid)

    async def is_refused() -> bool:
        return await issuer.statuses(before) == [401, 401]

    await eventually(is_refused)
    assert await issuer.statuses(await issuer.mint()) == [200, 200]
    assert await issuer.published() == [[key.kid for key in made[1:]]] * 2
    await issuer.close()
