"""The commands that know what clients do: `schema check`, and `operations`."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from app.cli.published import NOT_COMPARED, Against, FailOn, File, Output, published_commands, show
from app.commands.compared import Compared, compare_schema, field_lines
from app.commands.published import SCHEMA
from app.commands.seen_operations import exported, fetch_seen, lines_of, read_exported
from app.config.settings import Settings
from app.contract.change import NotComparable
from app.contract.clients import SeenOperation

type Servers = Callable[[], AbstractContextManager[Settings]]

Days = Annotated[int, typer.Option(min=1, max=3650, help="How many days back clients are looked at.")]
Exported = Annotated[
    Path | None, typer.Option(help="What `operations export` wrote, where the database is not at hand.")
]
FILE = Path("schema.graphql")


def schema_commands(servers: Servers) -> typer.Typer:
    commands = published_commands(SCHEMA, FILE, "The published GraphQL schema.")

    @commands.command("check")
    def check(
        file: File = FILE,
        against: Against = None,
        form: Output = "text",
        fail_on: FailOn = "breaking",
        clients: Annotated[
            bool, typer.Option("--clients", help="With --against: fail only for what breaks a client, and name it.")
        ] = False,
        operations: Exported = None,
        days: Days = 30,
        token: Annotated[
            str | None, typer.Option(envvar="AGAINST_TOKEN", help="With --against URL: bearer token to ask with.")
        ] = None,
    ) -> None:
        """Fails where the file is not what the code has; with --against, where the code breaks clients of that one."""
        if against is None:
            SCHEMA.check(file)
            return

        def compare() -> Compared:
            seen = _seen(servers, operations, days) if clients or operations else None
            return compare_schema(against, file, token, seen)

        show(compare, file, form, fail_on)

    return commands


def operation_commands(servers: Servers) -> typer.Typer:
    commands = typer.Typer(help="What clients ask over GraphQL, as servers recorded it.", no_args_is_help=True)

    @commands.command("list")
    def list_(operations: Exported = None, days: Days = 30) -> None:
        """Shows who sent which operation last when, and how often: a line for each client and version."""
        _write(lines_of(_known(servers, operations, days)))

    @commands.command("export")
    def export(days: Days = 30) -> None:
        """Prints them as JSON, for `schema check --operations`."""
        _write([exported(_known(servers, None, days))])

    @commands.command("unused-fields")
    def unused_fields(
        operations: Exported = None,
        days: Days = 30,
        deprecated: Annotated[bool, typer.Option("--deprecated", help="Only those that are deprecated.")] = False,
    ) -> None:
        """Shows the fields of the schema that no client uses; of deprecated ones, until when they must work."""
        _write(field_lines(_known(servers, operations, days), deprecated=deprecated))

    return commands


def _seen(servers: Servers, file: Path | None, days: int) -> list[SeenOperation]:
    """Raises NotComparable."""
    if file is not None:
        return read_exported(file, days)
    with servers() as settings:
        return asyncio.run(fetch_seen(settings, days))


def _known(servers: Servers, file: Path | None, days: int) -> list[SeenOperation]:
    try:
        return _seen(servers, file, days)
    except NotComparable as error:
        sys.stderr.write(f"feature-api: {error}\n")
        raise typer.Exit(NOT_COMPARED) from None


def _write(lines: list[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
