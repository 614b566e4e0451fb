"""The server process: one that serves what it is given, several of it, and one that brings everything along."""

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn
from rich.console import Console

from app.commands.local import local_servers
from app.commands.minting import ROLES, mint
from app.commands.workers import Workers, listening
from app.config.settings import Settings, SettingsError
from app.db.database import Database
from app.db.migrations import is_current, migrate
from app.db.user import SqlUsers
from app.main import create_app
from app.parts import pool_settings
from app.seed.seed import seed
from app.telemetry.logs import configure_logging
from app.web.connection import ConnectionLimits, guarded
from app.web.protections import SecurityHeaders
from app.wiring import Wiring

DRAIN = 20  # seconds for requests that are under way when the process is told to stop
people = Console(stderr=True, highlight=False, soft_wrap=True)


def serve_forever(
    settings: Settings, ready: Callable[[], None] = lambda: None, listener: socket.socket | None = None
) -> None:
    """Until SIGINT or SIGTERM; requests under way are answered first. Raises SettingsError.

    `listener`: the socket of all workers, if it is one of them.
    """
    configure_logging(settings.log_level, settings.log_format)
    if listener is None:
        check_port(settings)
    leaving = threading.Event()
    wiring = Wiring(settings)
    protections = SecurityHeaders(settings.hsts_max_age)
    config = uvicorn.Config(
        create_app(wiring, leaving.is_set),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=guarded(_connection_limits(settings), protections, wiring.observing.http.turned_away),
        ws="none",
        timeout_keep_alive=settings.keep_alive_timeout,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the application reads them, from TRUSTED_PROXIES alone
        timeout_graceful_shutdown=DRAIN,
    )
    _Server(config, ready, leaving, settings.shutdown_delay).run(None if listener is None else [listener])


def serve_with_workers(settings: Settings, count: int) -> NoReturn:
    """The same as `count` processes behind one socket. Raises SettingsError."""
    configure_logging(settings.log_level, settings.log_format)
    check_port(settings)
    with listening(settings.host, settings.port) as listener:

        def command(number: int) -> list[str]:
            return [sys.executable, "-m", "app", "serve", "--socket", str(number)]

        sys.exit(Workers(count, command, os.environ).run(listener))


def run_locally(settings: Settings, catalogue: Path) -> None:
    """Starts what has no URL, migrates, seeds an empty database, serves, and stops what it started.

    Raises SettingsError, EmbeddedError, CatalogueError or Unavailable.
    """
    check_port(settings)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)  # uvicorn hands it on once it has drained: what we started must stop too
    with local_servers(settings, join=False) as whole:
        asyncio.run(_prepare(whole, catalogue))
        tokens = asyncio.run(_tokens(whole))
        serve_forever(whole, lambda: _welcome(whole, tokens))


def check_port(settings: Settings) -> None:
    """Raises SettingsError where somebody else listens there."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingsError(
                f"PORT: {settings.host}:{settings.port} cannot be used ({error.strerror}). Stop what uses it, "
                f"or choose another: PORT={settings.port + 1} make run"
            ) from None


def _connection_limits(settings: Settings) -> ConnectionLimits:
    return ConnectionLimits(
        connections=settings.max_connections,
        requests=settings.max_concurrent_requests,
        slow_requests=4 * settings.database_pool_size,  # no connection is ever idle, and a stall refuses few
        headers=settings.max_headers,
        header_bytes=settings.max_header_bytes + settings.max_query_bytes,
        header_timeout=settings.header_timeout,
        body_timeout=settings.body_timeout,
        write_timeout=settings.write_timeout,
    )


class _Server(uvicorn.Server):
    """Says when it is ready; told to stop by SIGTERM, it says that it is leaving, and stops `delay` seconds later."""

    def __init__(
        self, config: uvicorn.Config, ready: Callable[[], None], leaving: threading.Event, delay: float
    ) -> None:
        super().__init__(config)
        self._ready, self._leaving, self._delay = ready, leaving, delay
        self._end: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGTERM and self._delay and not self._leaving.is_set():
            self._end = time.monotonic() + self._delay
            self._leaving.set()
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if self._end is not None and time.monotonic() >= self._end:
            self._end = None
            self.handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter)


async def _prepare(settings: Settings, catalogue: Path) -> None:
    owner_url = settings.owner_url
    assert owner_url is not None
    if not await is_current(owner_url):
        people.print("Migrating the database …")
        await asyncio.to_thread(migrate, owner_url)
    database = Database(pool_settings(settings))
    try:
        if await SqlUsers(database).fetch_first(None, None) is None:
            people.print("Loading the catalogue of the web platform's features, once …")
            seeded = await seed(owner_url, catalogue)
            people.print(f"Loaded {seeded.features} features with {seeded.entries} audit entries.")
    finally:
        await database.close()


async def _tokens(settings: Settings) -> dict[str, str]:
    return {role.lower(): await mint(settings, role, None, timedelta(hours=8)) for role in ROLES}


def _welcome(settings: Settings, tokens: dict[str, str]) -> None:
    url = (
        f"http://[{settings.host}]:{settings.port}"
        if ":" in settings.host
        else f"http://{settings.host}:{settings.port}"
    )
    people.print(f"\n[bold]Feature API[/bold] runs. GraphiQL: [link]{url}/graphql#token={tokens['admin']}[/link]\n")
    people.print("Tokens for 8 hours (more: feature-api token --role ROLE):")
    for role, token in tokens.items():
        people.print(f"  {role:8} {token}")
    people.print(
        f"\nTry it:\n  curl -s {url}/graphql -H 'Content-Type: application/json' "
        f"-H 'Authorization: Bearer {tokens['viewer']}' "
        '-d \'{"query": "{ features(first: 3) { totalCount nodes { name owner { name } } } }"}\'\n\n'
        "Stop with Ctrl-C.\n",
        markup=False,
    )


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(0)
