"""The commands `export` and `check` of each contract that is published as a file."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands.compared import Compared
from app.commands.published import Published
from app.contract.change import NotComparable, Severity, worst
from app.contract.report import Form, report

NOT_COMPARED = 2  # exit code; 1: there are such changes

type Compare = Callable[[str, Path], Compared]  # of a source and the published file; raises NotComparable

File = Annotated[Path, typer.Option(help="The published file.")]
Against = Annotated[
    str | None,
    typer.Option(
        help="Compare the code with this instead: a file, a URL, or the file at a git ref.", metavar="REF|FILE|URL"
    ),
]
Output = Annotated[Form, typer.Option("--format", help="`github` annotates the published file.")]
FailOn = Annotated[
    Literal["breaking", "dangerous", "never"], typer.Option(help="With --against: what makes the exit code 1.")
]


def published_commands(published: Published, default: Path, help: str) -> typer.Typer:
    """With `export`; `check` is to be added."""
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

    return commands


def openapi_commands(published: Published, default: Path, compare: Compare) -> typer.Typer:
    commands = published_commands(published, default, "The published document of REST.")

    @commands.command("check")
    def check(
        file: File = default, against: Against = None, form: Output = "text", fail_on: FailOn = "breaking"
    ) -> None:
        """Fails where the file is not what the code has; with --against, where the code breaks callers of that one."""
        if against is None:
            published.check(file)
        else:
            show(lambda: compare(against, file), file, form, fail_on)

    return commands


def show(compare: Callable[[], Compared], file: Path, form: Form, fail_on: str) -> None:
    """Exits with 1 where there are changes as bad as `fail_on`, with 2 where nothing could be compared."""
    try:
        compared = compare()
    except NotComparable as error:
        sys.stderr.write(f"feature-api: {error}\n")
        raise typer.Exit(NOT_COMPARED) from None
    sys.stdout.write(report(compared.changes, form, str(file), compared.line_of) + "\n")
    if fail_on != "never" and worst(compared.changes) >= Severity[fail_on.upper()]:
        raise typer.Exit(1)
