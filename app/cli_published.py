"""The commands `export` and `check` of each contract that is published as a file."""

from pathlib import Path
from typing import Annotated

import typer

from app.published import Published


def published_commands(published: Published, default: Path, help: str) -> typer.Typer:
    commands = typer.Typer(help=help, no_args_is_help=True)

    @commands.command("export")
    def export(
        file: Annotated[Path, typer.Option(help="Where to.")] = default,
        check: Annotated[bool, typer.Option("--check", help="Write nothing; fail where the file is stale.")] = False,
    ) -> None:
        """Writes it as the code has it."""
        if check:
            published.check(file)
        else:
            published.export(file)

    @commands.command("check")
    def check(file: Annotated[Path, typer.Option(help="The published file.")] = default) -> None:
        """Fails where the file is not what the code has."""
        published.check(file)

    return commands
