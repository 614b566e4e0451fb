"""`make bench`: our server beside others, on the same rows and the same questions, by CPU time per request.

Everything runs on this machine and is stopped at the end, also by Ctrl-C; nothing is talked to but 127.0.0.1, save
npm's registry when the peers' packages are not there yet.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from app.embedded.errors import EmbeddedError
from bench.contenders import CONTENDERS, UNLEASH, BenchError, Contender
from bench.load import find_wrk
from bench.machine import choose_cores
from bench.measure import measure, steps
from bench.report import Run, show, show_rest, write, write_rest
from bench.rest import measure_rest, rest_steps
from bench.rest_report import RestRun
from bench.stage import make_stage
from bench.workloads import WORKLOADS, Workload

PARTS = ("graphql,rest", "graphql", "rest")
people = Console(stderr=True, highlight=False, soft_wrap=True)


def main() -> None:
    given = _arguments()
    signal.signal(signal.SIGTERM, _stop)
    parts = given.part.split(",")
    try:
        run, rest = _bench(parts, given.only, given.workloads, given.rounds, given.seconds)
    except (BenchError, EmbeddedError) as error:
        people.print(f"bench: {error}", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        people.print("bench: stopped; nothing was left running.")
        sys.exit(130)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 130)
    if run is not None:
        show(run, console)
        if len(given.only) == len(CONTENDERS) and len(given.workloads) == len(WORKLOADS):
            write(run)
            people.print("Wrote docs/benchmarks.md and docs/benchmarks.svg.")
        else:
            people.print("Some of it: the tables of docs/benchmarks.md are written by a whole run.")
    if rest is not None:
        show_rest(rest, console)
        write_rest(rest)
        people.print("Wrote the section on REST in docs/benchmarks.md.")


def _bench(
    parts: Sequence[str], contenders: Sequence[Contender], workloads: Sequence[Workload], rounds: int, seconds: int
) -> tuple[Run | None, RestRun | None]:
    find_wrk()
    graphql, rest = "graphql" in parts, "rest" in parts
    for contender in (*(contenders if graphql else ()), *((UNLEASH,) if rest else ())):
        contender.install()
    cores = choose_cores()
    if not cores.pinned:
        people.print("Fewer than two cores, or no taskset: nothing is pinned, and the figures are rough.")
    people.print("Starting PostgreSQL, and making 500,000 audit entries of 50,000 features …")
    with make_stage(cores) as stage, _progress() as progress:
        total = (steps(contenders, workloads, rounds) if graphql else 0) + (rest_steps(rounds) if rest else 0)
        task = progress.add_task("", total=total)

        def step(description: str) -> None:
            if description:
                progress.update(task, description=description)
                if not people.is_terminal:  # where no bar is drawn, a line
                    people.print(description)
            progress.advance(task)

        run, over_rest = None, None
        if graphql:
            results = measure(stage, contenders, workloads, rounds, seconds, step)
            run = Run(results, contenders, workloads, rounds, seconds, cores)
        if rest:
            over_rest = RestRun(measure_rest(stage, rounds, seconds, step), rounds, seconds)
    return run, over_rest


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=people, disable=not people.is_terminal
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Compares servers by CPU time per request.")
    parser.add_argument("--part", choices=PARTS, default=PARTS[0], help="what is measured")
    parser.add_argument("--only", type=_among(CONTENDERS), default=list(CONTENDERS.values()), metavar="NAME,…")
    parser.add_argument("--workloads", type=_among(WORKLOADS), default=list(WORKLOADS.values()), metavar="W1,…")
    parser.add_argument("--rounds", type=_positive, default=3, metavar="N", help="how often each is measured")
    parser.add_argument("--seconds", type=_positive, default=4, metavar="N", help="how long each time")
    return parser.parse_args()


def _among[T](known: Mapping[str, T]) -> Callable[[str], list[T]]:
    """A type of arguments: names with commas between, taken in the order of `known`."""

    def parse(text: str) -> list[T]:
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return [value for name, value in known.items() if name in names]

    return parse


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
