"""Twice as many requests a second as the server can do: how long those wait that are let in, how soon the others are
told, what it takes in memory, and how soon it is over (R64)."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from app.embedded.ports import HOST
from bench.load import Load
from bench.machine import keep_to_core
from bench.mix import mixed
from bench.open_loop import Answer, Phase, Seen, send_all
from bench.serve import Running

FACTOR = 2  # times the capacity
CALM = 0.5  # of the capacity, before and afterwards
BEFORE, AFTER = 4.0, 5.0  # seconds
CALLERS = 1_000  # connections
SLOW = 0.5  # seconds: what takes longer is no recovery (R69's P99)
SAMPLE = 0.1  # seconds between two looks at the memory


@dataclass(frozen=True)
class Times:
    """Of answers of one kind: requests per second, and milliseconds."""

    rate: float
    p50: float
    p99: float
    most: float

    def cells(self) -> tuple[str, ...]:
        return (f"{self.rate:,.0f}", *(f"{value:.1f}" for value in (self.p50, self.p99, self.most)))


@dataclass(frozen=True)
class Overload:
    """`capacity` in requests per second; `recovered`: seconds from its end until no request was refused or slow;
    `memory` in MiB before, at the most, and at the end; `failed`: what was neither done nor told to come again, or
    told without saying when."""

    capacity: float
    seconds: float
    before: Times
    admitted: Times
    refused: Times
    after: Times
    recovered: float
    memory: tuple[float, float, float]
    failed: int


def overload(running: Running, capacity: Load, seconds: float) -> Overload:
    """`capacity`: what it did for callers who wait for their answers."""
    keep_to_core(running.stage.cores.others, os.getpid())
    address = urlsplit(running.url)
    able = capacity.requests / capacity.seconds
    calm = able * CALM
    phases = (Phase(calm, BEFORE), Phase(able * FACTOR, seconds), Phase(calm, AFTER))
    with _memory(running.pid) as memory:
        seen = send_all((address.hostname or HOST, address.port or 0), mixed(running.stage, "over"), phases, CALLERS)
    return judged(able, seconds, seen, memory)


def judged(capacity: float, seconds: float, seen: Seen, memory: Sequence[float]) -> Overload:
    end = BEFORE + seconds
    late = [answer.due + answer.took for answer in seen.answers if answer.due >= end and _bad(answer)]
    during = [answer for answer in seen.answers if BEFORE <= answer.due < end]
    unsaid = sum(1 for answer in seen.answers if not _done(answer) and not (answer.status == 503 and answer.again))
    return Overload(
        capacity,
        seconds,
        times([answer for answer in seen.answers if answer.due < BEFORE], BEFORE),
        times([answer for answer in during if _done(answer)], seconds),
        times([answer for answer in during if answer.status == 503], seconds),
        times([answer for answer in seen.answers if answer.due >= end], AFTER),
        max(late, default=end) - end,
        (memory[0], max(memory), memory[-1]),
        unsaid + seen.unsent + seen.unanswered,
    )


def times(answers: Sequence[Answer], seconds: float) -> Times:
    """Zeros where there are none."""
    took = sorted(answer.took * 1000 for answer in answers) or [0.0]
    p50, p99 = (took[min(len(took) - 1, int(len(took) * share))] for share in (0.5, 0.99))
    return Times(len(answers) / seconds, p50, p99, took[-1])


def _done(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def _bad(answer: Answer) -> bool:
    return not _done(answer) or answer.took > SLOW


@contextmanager
def _memory(pid: int) -> Iterator[list[float]]:
    """MiB of a process, from time to time, until the block ends."""
    process, over = psutil.Process(pid), threading.Event()
    seen = [process.memory_info().rss / 2**20]

    def watch() -> None:
        while not over.wait(SAMPLE):
            seen.append(process.memory_info().rss / 2**20)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
        seen.append(process.memory_info().rss / 2**20)
