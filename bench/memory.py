"""`make bench-memory`: what a server's memory is after 100,000 distinct operations, every one a new text.

Caches of documents and of what is made of them are bounded; here it shows whether they are.
"""

import argparse
import sys
from itertools import pairwise

import orjson
import psutil
from rich.console import Console
from rich.table import Table

from app.embedded.errors import EmbeddedError
from bench.contenders import OURS, BenchError
from bench.load import find_wrk, load
from bench.machine import choose_cores
from bench.request import COUNTER, Request
from bench.serve import serving
from bench.stage import make_stage

OPERATIONS = 100_000
SLICE = 10  # seconds
BUDGET = 150  # MiB, of one server process
GROWTH = 5.0  # MiB, at most, from the half to the end: more is no bounded cache

# The counter is in the operation's name and in an alias, so that no two share a document, a price or a plan.
NUMBER = COUNTER.decode()
QUERY = f"""query Distinct{NUMBER} {{ features(first: 2) {{ pageInfo {{ hasNextPage }}
  nodes {{ id alias{NUMBER}: name owner {{ id name }} }} }} }}"""

people = Console(stderr=True, highlight=False)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-memory")
    parser.add_argument("--operations", type=int, default=OPERATIONS, metavar="N")
    try:
        seen = _run(parser.parse_args().operations)
    except (BenchError, EmbeddedError) as error:
        people.print(f"bench: {error}", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        people.print("bench: stopped; nothing was left running.")
        sys.exit(130)
    if not _report(seen):
        sys.exit(1)


def _run(operations: int) -> list[tuple[int, float]]:
    """(distinct operations so far, MiB), from before the first one on."""
    find_wrk()
    people.print("Starting PostgreSQL, and making its rows …")
    with make_stage(choose_cores()) as stage, serving(OURS, stage) as running:
        process = psutil.Process(running.pid)
        seen = [(0, _mebibytes(process))]
        while (done := seen[-1][0]) < operations:
            request = Request("POST", "/graphql", orjson.dumps({"query": QUERY}), running.authorization)
            # The last answers of a slice may be under way when wrk stops counting: those numbers are left out.
            seen.append(
                (done + load(running, [request], SLICE, start=done + 100 * len(seen)).requests, _mebibytes(process))
            )
            people.print(f"{seen[-1][0]:>8,} operations  {seen[-1][1]:6.1f} MiB")
    return seen


def _report(seen: list[tuple[int, float]]) -> bool:
    """Prints the verdict; whether memory is bounded and within the budget."""
    total, last = seen[-1]
    half = next(memory for done, memory in seen if done >= total / 2)
    most, steepest = (
        max(memory for _, memory in seen),
        max(after - before for (_, before), (_, after) in pairwise(seen)),
    )
    table = Table("", "MiB", "budget", "", title=f"Memory after {total:,} distinct operations")
    table.add_row("before", f"{seen[0][1]:.1f}", "", "")
    table.add_row("at the end", f"{last:.1f}", f"< {BUDGET}", "ok" if last < BUDGET else "over")
    table.add_row("at the most", f"{most:.1f}", "", "")
    table.add_row("steepest slice", f"{steepest:+.1f}", "", "")
    table.add_row("second half", f"{last - half:+.1f}", f"≤ {GROWTH:g}", "ok" if last - half <= GROWTH else "over")
    Console(highlight=False).print(table)
    return last < BUDGET and last - half <= GROWTH


def _mebibytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss / 2**20)


if __name__ == "__main__":
    main()
