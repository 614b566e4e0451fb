"""`make load`: the load of ops/load against a real server, then as much as it can do, then twice as much.

With --target the scenario alone, against any server, for users whose tokens are given; nothing is written then.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import NoReturn

from rich.console import Console

from app.embedded.errors import EmbeddedError
from bench import load_report
from bench.artillery import Played, install, play, read_config
from bench.contenders import OURS, ROOT, BenchError
from bench.figures import Figures, Verdict
from bench.histogram import Buckets, between, look, quantile
from bench.load import Load, find_wrk, load
from bench.load_picture import draw
from bench.load_report import LoadRun
from bench.machine import choose_cores, cpu_seconds
from bench.mix import mixed
from bench.overload import TRIES, Overload, overload
from bench.page import LOAD, replaced
from bench.report import PAGE, markdown, table, verdict_cells
from bench.serve import Running, serving
from bench.stage import Stage, make_stage

SECONDS = 20.0  # of wrk, and of the overload
people = Console(stderr=True, highlight=False, soft_wrap=True)


def main() -> None:
    given = _arguments()
    signal.signal(signal.SIGTERM, _stop)
    try:
        missed = _ask(given) if given.target else _run(given.scale)
    except (BenchError, EmbeddedError) as error:
        people.print(f"load: {error}", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        people.print("load: stopped; nothing was left running.")
        sys.exit(130)
    if missed:
        people.print(f"{missed} targets were missed.")
        sys.exit(1)


def _run(scale: float) -> int:
    """How many targets were missed. Writes the section on load."""
    find_wrk()
    install()
    busy, cores = os.getloadavg()[0], choose_cores()
    people.print("Starting PostgreSQL, and making 500,000 audit entries of 50,000 features …")
    with make_stage(cores) as stage, serving(OURS, stage) as running:
        stage.vacuum_from_now_on()
        first = look(running.url)
        profiles = _play(running.url, _tokens(stage), stage.folder, scale, cores.others)
        second = look(running.url)
        seconds = max(2, round(SECONDS * scale))
        tries = list(until_well(partial(_try, stage, running, seconds)))
    sql = (quantile(0.95, between(first, second)), quantile(0.95, tries[-1].queries))
    mix, seen = tries[-1].mix, [each.overload for each in tries]
    run = LoadRun(profiles, mix, seen, (_milliseconds(sql[0]), _milliseconds(sql[1])), scale, busy)
    return _show(run)


@dataclass(frozen=True)
class Try:
    mix: Figures
    queries: Buckets
    overload: Overload


def until_well(measure: Callable[[int], Try]) -> Iterator[Try]:
    """Until one began with a server that was well at half of what it could do just before: else others have its
    processors by then, and how soon it recovers cannot be seen. What comes after the beginning decides nothing."""
    for number in range(1, TRIES + 1):
        found = measure(number)
        yield found
        if found.overload.recovered is not None:
            return


def _try(stage: Stage, running: Running, seconds: int, number: int) -> Try:
    first = look(running.url)
    people.print(f"As much as it can do, for {seconds} s …")
    figures, capacity = _mix(stage, running, seconds, number)
    second = look(running.url)
    people.print(f"Twice as much, for {seconds} s …")
    seen = overload(running, capacity, seconds, f"over {number}")
    if seen.recovered is None:
        people.print("Half as much was too much before it already.")
    return Try(figures, between(first, second), seen)


def _ask(given: argparse.Namespace) -> int:
    install()
    with TemporaryDirectory(prefix="feature-api-load-") as folder:
        profiles = _play(given.target, given.tokens, Path(folder), given.scale, None)
    sql = None  # the server's own to know
    found = [verdict for verdict in load_report.scenario_verdicts(profiles, sql) if verdict.met is not None]
    console = _console()
    console.print(table("The scenario", load_report.PROFILE_HEADINGS, load_report.profile_rows(profiles)))
    return _judge(console, found)


def _play(target: str, tokens: Path, folder: Path, scale: float, core: int | None) -> list[Played]:
    names = list(read_config()["config"]["environments"])
    return [play(name, target, tokens, folder / f"{name}.json", scale, core, people.print) for name in names]


def _tokens(stage: Stage) -> Path:
    """The file for Artillery: a user's token a line."""
    file = stage.folder / "tokens.csv"
    tokens = [OURS.authorization(stage, owner).removeprefix("Bearer ") for _, owner in stage.owned]
    file.write_text("\n".join(["token", *tokens, ""]))
    file.chmod(0o600)
    return file


def _mix(stage: Stage, running: Running, seconds: int, number: int) -> tuple[Figures, Load]:
    load(running, mixed(stage, f"warm {number}"), 2)
    server, postgres = cpu_seconds(running.pid), stage.postgres_cpu_seconds()
    seen = load(running, mixed(stage, f"timed {number}"), seconds)
    server, postgres = cpu_seconds(running.pid) - server, stage.postgres_cpu_seconds() - postgres
    each = (1000 * server / seen.requests, 1000 * postgres / seen.requests)
    return Figures(*each, seen.requests / seen.seconds, seen.p50, seen.p99), seen


def _show(run: LoadRun) -> int:
    console, found = _console(), list(load_report.verdicts(run))
    tables = (
        ("The scenario", load_report.PROFILE_HEADINGS, list(load_report.profile_rows(run.profiles))),
        ("As much as it can do", load_report.MIX_HEADINGS, list(load_report.mix_rows(run.mix))),
        ("Twice as much", load_report.OVERLOAD_HEADINGS, list(load_report.overload_rows(run.overloads[-1]))),
    )
    for title, headings, rows in tables:
        console.print(table(title, headings, iter(rows)))
    missed = _judge(console, found)
    profiles, mix, twice = (f"### {title}\n\n{markdown(headings, iter(rows))}" for title, headings, rows in tables)
    targets = markdown(load_report.VERDICT_HEADINGS, map(verdict_cells, found))
    section = load_report.section(run, profiles, mix, twice, f"### Targets\n\n{targets}")
    PAGE.write_text(replaced(PAGE.read_text(), LOAD, section))
    (ROOT / "docs" / "load.svg").write_text(draw(run.profiles))
    people.print("Wrote the section on load in docs/benchmarks.md, and docs/load.svg.")
    return missed


def _judge(console: Console, found: Sequence[Verdict]) -> int:
    console.print(table("Targets", load_report.VERDICT_HEADINGS, map(verdict_cells, found)))
    return sum(verdict.met is not True for verdict in found)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else 130)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make load", description="The load of ops/load, against a real server.")
    parser.add_argument("--scale", type=_positive, default=1.0, metavar="X", help="times as long as it is meant to be")
    parser.add_argument("--target", metavar="URL", help="a server that runs already")
    parser.add_argument("--tokens", type=Path, metavar="FILE", help="of its users: a token a line, under 'token'")
    given = parser.parse_args()
    if bool(given.target) != bool(given.tokens):
        parser.error("--target and --tokens belong together")
    if given.tokens and not given.tokens.is_file():
        parser.error(f"there is no file {given.tokens}")
    return given


def _positive(text: str) -> float:
    with suppress(ValueError):
        if 0 < (number := float(text)) <= 100:
            return number
    raise argparse.ArgumentTypeError(f"{text!r} is no number above 0 and up to 100")


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
