"""python -m tests.differential [cases] [--seed N] [--on memory|postgres|both]: exit status 1 on a difference.

Of three cases one runs on PostgreSQL, the others in memory, each ground counting its own seeds.
"""

import argparse
import asyncio
import logging
import sys
import time
import warnings
from contextlib import ExitStack
from dataclasses import dataclass

from tests.differential.compare import Trial
from tests.differential.memory import Memory
from tests.differential.postgres import migrated, opened
from tests.fixtures.servers import Run, Servers

SHARES = {"memory": 2, "postgres": 1}
EVERY = 10.0  # seconds between two words of progress


@dataclass
class Lane:
    """Cases on one ground, from the first seed on."""

    name: str
    trial: Trial
    seed: int

    @property
    def progress(self) -> str:
        return f"{self.name} {self.trial.tally['operations']} to seed {self.seed - 1}"


async def main(cases: int, seed: int, lanes: list[Lane]) -> int:
    started = told = time.monotonic()
    turns = [lane for lane in lanes for _ in range(SHARES[lane.name])]
    done = 0
    while done < cases:
        for lane in turns:
            before = lane.trial.tally["operations"]
            await lane.trial.seed(lane.seed)
            lane.seed += 1
            done += lane.trial.tally["operations"] - before
            if lane.trial.differences:
                say(f"=== {lane.trial.differences[0]}\n\nagain: make fuzz ON={lane.name} SEED={lane.seed - 1} CASES=1")
                return 1
            if done >= cases:
                break
        if time.monotonic() - told > EVERY:
            told = time.monotonic()
            say(f"{told - started:5.0f} s  {done} of {cases}: " + ", ".join(lane.progress for lane in lanes))
    for lane in lanes:
        say(f"{lane.name}, seeds {seed} to {lane.seed - 1}: {dict(lane.trial.tally)}")
    say(f"{done} cases in {time.monotonic() - started:.0f} s, no difference")
    return 0


async def on_both(cases: int, seed: int, names: list[str], servers: Servers | None, database: str) -> int:
    lanes = [Lane("memory", Trial(Memory()), seed)] if "memory" in names else []
    if servers is None:
        return await main(cases, seed, lanes)
    async with opened(servers, database) as postgres:
        return await main(cases, seed, [*lanes, Lane("postgres", Trial(postgres), seed)])


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    warnings.filterwarnings("ignore", "coroutine", RuntimeWarning)  # graphql-core leaves siblings of errors unawaited
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # nor what those raise
    parser = argparse.ArgumentParser(prog="python -m tests.differential")
    parser.add_argument("cases", type=int, nargs="?", default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--on", choices=[*SHARES, "both"], default="both")
    asked = parser.parse_args()
    names = list(SHARES) if asked.on == "both" else [asked.on]
    with ExitStack() as stack:
        servers, database = None, ""
        if "postgres" in names:
            started = Run()
            stack.callback(started.stop)
            servers = started.servers()
            database = stack.enter_context(migrated(servers))
        sys.exit(asyncio.run(on_both(asked.cases, asked.seed, names, servers, database)))
