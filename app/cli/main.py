"""The console command `feature-api`; every failure that is to be expected is one line that says what to do."""

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from app.auth.key_ring import new_key
from app.cli.events import event_commands
from app.cli.operations import operation_commands, schema_commands
from app.cli.published import openapi_commands
from app.cli.transfer import add_transfer_commands
from app.cli.user import user_commands
from app.commands.compared import compare_openapi
from app.commands.legacy_report import fetch_report
from app.commands.local import local_servers
from app.commands.minting import MintingRefusedError, mint
from app.commands.published import OPENAPI, StaleSchemaError
from app.commands.rotation import UnfinishedError, fetch_keys, reencrypt_columns, revoke, rotate
from app.commands.serving import run_locally, serve_forever, serve_with_workers
from app.commands.transfer import TransferError
from app.config.settings import Settings, SettingsError, read_settings
from app.db.migrations import MigrationError, make_revision, migrate
from app.domain.signing_key.service import RotationRefusedError
from app.embedded.errors import EmbeddedError
from app.kernel.errors import BadUserInput, InvalidInput, NotFound, Unavailable
from app.seed.seed import seed
from app.seed.source import CatalogueError
from app.telemetry.logs import configure_logging

CATALOGUE = Path(__file__).parents[2] / "web" / "node_modules" / "web-features" / "data.json"

cli = typer.Typer(
    name="feature-api",
    help="A registry of features with an audit trail, over GraphQL. Settings come from the environment.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
keys_cli = typer.Typer(
    help="Keys that tokens are signed with, and those of encrypted columns. Use the servers' own settings.",
    no_args_is_help=True,
)
cli.add_typer(keys_cli, name="keys")
people = Console(stderr=True, highlight=False, soft_wrap=True)


def main() -> None:
    with _explained():
        cli()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (
        SettingsError,
        EmbeddedError,
        CatalogueError,
        MigrationError,
        MintingRefusedError,
        RotationRefusedError,
        StaleSchemaError,
        TransferError,
        UnfinishedError,
        BadUserInput,
        InvalidInput,
        NotFound,
    ) as error:
        people.print(f"feature-api: {error}", markup=False)
    except Unavailable as error:
        reason = str(error.__cause__ or "no answer").strip()
        people.print(f"feature-api: no database: {reason}. Check DATABASE_URL and that PostgreSQL runs.", markup=False)
    else:
        return
    sys.exit(1)


def _development() -> Settings:
    """The commands for one's own machine are in development unless ENVIRONMENT says otherwise."""
    return read_settings(**({} if "ENVIRONMENT" in os.environ else {"environment": "development"}))


@contextmanager
def _servers(log: Literal["error", "info"] = "error") -> Iterator[Settings]:
    """Those of `run` while it runs. What goes wrong is the one line at the end, and nowhere in the log besides, save
    where security events are to be seen."""
    configure_logging(log, "auto")
    with local_servers(_development(), join=True) as settings:
        yield settings


@contextmanager
def _database() -> Iterator[str]:
    """The owner's URL, for what needs no Redis and no keys."""
    url = _development().owner_url
    if url is not None:
        configure_logging("error", "auto")
        yield url
        return
    with _servers() as settings:
        yield _owner_url(settings)


def _owner_url(settings: Settings) -> str:
    url = settings.owner_url
    assert url is not None  # local_servers sees to it
    return url


@cli.command()
def run() -> None:
    """Everything on this machine: starts what has no URL, migrates, seeds at first, and serves until Ctrl-C."""
    run_locally(_development(), CATALOGUE)


@cli.command()
def serve(
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes; each has its own pool of connections.")] = 1,
    inherited: Annotated[
        int | None, typer.Option("--socket", min=0, hidden=True, help="Of workers: what they share.")
    ] = None,
) -> None:
    """Serves with the servers of DATABASE_URL and REDIS_URL; it neither migrates nor seeds."""
    settings = read_settings()
    if inherited is not None:
        serve_forever(settings, listener=socket.socket(fileno=inherited))
    elif workers > 1:
        serve_with_workers(settings, workers)
    else:
        serve_forever(settings)


@cli.command("migrate")
def migrate_command(
    revision: Annotated[str, typer.Argument(help="`head`, `base`, a revision, or -1 for one back.")] = "head",
) -> None:
    """Brings the database to a revision of its schema, as its owner."""
    with _database() as url:
        migrate(url, revision)
    people.print(f"The database is at {revision}.")


@cli.command("revision")
def revision_command(message: Annotated[str, typer.Argument(help="What it changes, in a few words.")]) -> None:
    """Makes an empty migration under alembic/versions."""
    make_revision(message)


@cli.command("seed")
def seed_command(
    scale: Annotated[int, typer.Option(min=1, help="How many times the catalogue, for trials.")] = 1,
    catalogue: Annotated[Path, typer.Option(help="data.json of the npm package web-features.")] = CATALOGUE,
) -> None:
    """Loads the catalogue of the web platform's features; what exists is left alone."""
    with _servers() as settings:
        migrate(_owner_url(settings))
        with Progress(console=people) as progress:
            task = progress.add_task("Loading the catalogue", total=scale)
            seeded = asyncio.run(
                seed(_owner_url(settings), catalogue, scale, lambda done, _: progress.update(task, completed=done))
            )
    people.print(f"Added {seeded.users} users, {seeded.features} features, {seeded.entries} audit entries.")


@cli.command()
def token(
    role: Annotated[str | None, typer.Option(help="admin, manager, user or viewer.")] = None,
    user: Annotated[str | None, typer.Option(help="The user's email; absent: the oldest of that role.")] = None,
    expires: Annotated[int, typer.Option(min=1, max=365 * 24 * 60, help="Minutes until it ends.")] = 8 * 60,
) -> None:
    """Prints a bearer token for a user who exists; for development only."""
    with _servers() as settings:
        sys.stdout.write(asyncio.run(mint(settings, role, user, timedelta(minutes=expires))) + "\n")


@cli.command("legacy-report")
def legacy_report(
    days: Annotated[int, typer.Option(min=1, max=3650, help="How many days back, with today.")] = 30,
) -> None:
    """Shows who still calls REST v1: the last call, how many, who, and which operations."""
    with _servers() as settings:
        for line in asyncio.run(fetch_report(settings, days)):
            sys.stdout.write(line + "\n")


add_transfer_commands(cli, _servers, people)
cli.add_typer(schema_commands(_servers), name="schema")
cli.add_typer(openapi_commands(OPENAPI, Path("openapi.json"), compare_openapi), name="openapi")
cli.add_typer(operation_commands(_servers), name="operations")
cli.add_typer(event_commands(_servers), name="events")
cli.add_typer(user_commands(_servers, lambda line: people.print(line, markup=False)), name="user")


@keys_cli.command("rotate")
def keys_rotate() -> None:
    """Makes a new key to sign with: it signs once every server knows it; the last one is believed a while longer."""
    with _servers("info") as settings:
        made = asyncio.run(rotate(settings))
    people.print(f"The key {made.kid} signs from {made.signs_from:%FT%TZ} on.")


@keys_cli.command("list")
def keys_list() -> None:
    """Shows the keys in the database: id, state, and when each signs and is believed."""
    with _servers() as settings:
        for line in asyncio.run(fetch_keys(settings)):
            sys.stdout.write(line + "\n")


@keys_cli.command("revoke")
def keys_revoke(kid: Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")]) -> None:
    """Takes a key out of use at once: what it signed is refused within 30 s. If no other takes over, makes one."""
    with _servers("info") as settings:
        made = asyncio.run(revoke(settings, kid))
    people.print(f"The key {kid} is revoked.")
    if made is not None:
        people.print(f"In its stead the key {made.kid} signs from {made.signs_from:%FT%TZ} on.")


@keys_cli.command("new")
def keys_new() -> None:
    """Prints a new key for ENCRYPTION_KEYS; it is kept nowhere."""
    sys.stdout.write(new_key() + "\n")


@keys_cli.command("reencrypt")
def keys_reencrypt() -> None:
    """Brings all encrypted columns under the first of ENCRYPTION_KEYS; may be cut off, and run again, at any time."""
    with _servers() as settings, Progress(console=people) as progress:
        tasks: dict[str, TaskID] = {}

        def show(column: str, done: int, total: int) -> None:
            task = tasks.get(column)
            if task is None:
                task = tasks[column] = progress.add_task(column)
            progress.update(task, completed=done, total=total)

        done = asyncio.run(reencrypt_columns(settings, show))
    people.print(f"{done.changed} of {done.values} values are newly under the first key, the others were already.")
