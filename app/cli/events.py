"""The commands on events: `events status`, `events replay`."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Annotated

import typer

from app.commands.events import fetch_state, replay
from app.config.settings import Settings

type Servers = Callable[[], AbstractContextManager[Settings]]
FORMATS = ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]


def event_commands(servers: Servers) -> typer.Typer:
    commands = typer.Typer(help="What consumers are told of changes, over a stream of Redis.", no_args_is_help=True)

    @commands.command("status")
    def status() -> None:
        """Shows how many events wait to be published, how many the stream holds, and how far its groups are."""
        with servers() as settings:
            for line in asyncio.run(fetch_state(settings)):
                sys.stdout.write(line + "\n")

    @commands.command("replay")
    def replay_(
        since: Annotated[datetime, typer.Option(formats=FORMATS, help="From when on (UTC), by the trail's time.")],
    ) -> None:
        """Publishes what changed since then once more, under the same ids: for a Redis that lost events."""
        with servers() as settings:
            count = asyncio.run(replay(settings, since.replace(tzinfo=UTC)))
        sys.stdout.write(f"{count} events are in the outbox again.\n")

    return commands
