"""`feature-api export` and `feature-api import`: documents of any length, with a progress bar for who watches."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Literal

import orjson
import typer
from rich.console import Console
from rich.progress import Progress

from app.commands.transfer import Progress as OnProgress
from app.commands.transfer import Send, export_features, import_features, read_file, write_file
from app.config.settings import Settings
from app.domain.feature import rules
from app.domain.feature.model import FeatureFilter
from app.rest.export_v2 import Format
from app.rest.imported import BadLine

BAD_LINES = 3  # the exit code: some lines were refused
STANDARD = Path("-")

type Servers = Callable[[], AbstractContextManager[Settings]]
type Status = Literal["active", "inactive", "archived", "deleted"]
FormatOption = Annotated[
    Format | None, typer.Option(help="jsonl or csv; absent: csv where the file's name ends so, else jsonl.")
]


def add_transfer_commands(cli: typer.Typer, servers: Servers, people: Console) -> None:
    """`servers` gives settings with every URL; `people` are shown the progress, where they sit at a terminal."""

    @contextmanager
    def shown(what: str) -> Iterator[OnProgress | None]:
        if not people.is_terminal:
            yield None
            return
        with Progress(console=people) as progress:
            task = progress.add_task(what, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)

    @cli.command("export")
    def export(
        file: Annotated[Path, typer.Argument(help="Where to; -: standard output.")] = STANDARD,
        format: FormatOption = None,
        status: Annotated[
            list[Status] | None, typer.Option(help="active, inactive, archived or deleted; may be repeated.")
        ] = None,
        category: Annotated[list[str] | None, typer.Option(help="One of these; may be repeated.")] = None,
        tag: Annotated[list[str] | None, typer.Option(help="At least one of these; may be repeated.")] = None,
        owner: Annotated[str | None, typer.Option(help="The email of whose features they are.")] = None,
        search: Annotated[str | None, typer.Option(help="Words in the name, the tags or the description.")] = None,
    ) -> None:
        """Writes all features that match, newest first, as JSON Lines or CSV; a file is there once it is whole."""
        wanted = FeatureFilter(
            search=rules.clean_search(search, ("search",)),
            status=tuple(each.upper() for each in status or ()) or None,
            category=rules.clean_labels(tuple(category or ()) or None, ("category",)),
            tags=rules.clean_labels(tuple(tag or ()) or None, ("tag",)),
        )
        form = _format(file, format)

        def fill(send: Send) -> None:
            with servers() as settings, shown("Exporting") as progress:
                done = asyncio.run(export_features(settings, wanted, owner, form, send, progress))
            people.print(f"Exported {done} features.")

        if file == STANDARD:
            fill(sys.stdout.buffer.write)
            sys.stdout.flush()
        else:
            write_file(file, fill)

    @cli.command("import")
    def import_(
        file: Annotated[Path, typer.Argument(help="What `export` writes, or lines with names; -: standard input.")],
        format: FormatOption = None,
        owner: Annotated[
            str | None, typer.Option(help="The email of who shall own what does not say an owner_id.")
        ] = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Look at every line, and write nothing.")] = False,
    ) -> None:
        """Creates the features of a file, and prints every bad line as JSON; ends with 3 where there was one. To run it
        again creates nothing twice: a name that is there is a bad line."""
        source = sys.stdin.buffer if file == STANDARD else read_file(file)
        with source, servers() as settings, shown("Importing") as progress:
            form = _format(file, format)
            done = asyncio.run(import_features(settings, source, form, owner, _tell, progress, dry=dry_run))
        people.print(f"{'Could create' if dry_run else 'Created'} {done.good} features; {done.bad} lines are bad.")
        if done.bad:
            raise typer.Exit(BAD_LINES)


def _format(file: Path, format: Format | None) -> Format:
    return format or ("csv" if file.suffix.lower() == ".csv" else "jsonl")


def _tell(line: BadLine) -> None:
    sys.stdout.write(orjson.dumps(line).decode() + "\n")
