"""Twice as many requests a second as the server can do: how long those wait that are let in, how soon the others are
told, what it takes in memory, and how soon it is over (R64)."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.embedded.ports import HOST
from bench.load import Load
from bench.machine import keep_to_core
from bench.mix import mixed
from bench.open_loop import Answer, Phase, Seen, send_all
from bench.serve import Running
from bench.watch import Share, Sight, share, watching

FACTOR = 2  # times the capacity
CALM = 0.5  # of the capacity, before and afterwards
BEFORE, AFTER = 4.0, 5.0  # seconds
TRIES = 3  # at the most, until it began with a server that was well
CALLERS = 1_000  # connections
SLOW = 0.5  # seconds: what takes longer is no recovery (R69's P99)
QUIET = 0.05  # seconds: half of those that come before wait no longer, or it is not calm then (R69's P50)


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
    """`capacity` in requests per second; `recovered`: seconds from its end until no request was refused or slow, None
    where it was no better before, so that there is nothing to recover to; `memory` in MiB before, at the most, and at
    the end; `failed`: what was neither done nor told to come again, or told without saying when; `late`: milliseconds
    that we were late with asking, which are in all times (P99); `shares` before, while it lasts, and afterwards."""

    capacity: float
    seconds: float
    before: Times
    admitted: Times
    refused: Times
    after: Times
    recovered: float | None
    memory: tuple[float, float, float]
    failed: int
    late: float
    shares: tuple[Share, Share, Share]


def overload(running: Running, capacity: Load, seconds: float, run: str) -> Overload:
    """`capacity`: what it did for callers who wait for their answers; `run` keeps names apart that two runs write."""
    keep_to_core(running.stage.cores.others, os.getpid())
    address = urlsplit(running.url)
    able = capacity.requests / capacity.seconds
    calm = able * CALM
    phases = (Phase(calm, BEFORE), Phase(able * FACTOR, seconds), Phase(calm, AFTER))
    with watching(running.pid, running.stage.cores.server) as sights:
        seen = send_all((address.hostname or HOST, address.port or 0), mixed(running.stage, run), phases, CALLERS)
    return judged(able, seconds, seen, sights)


def judged(capacity: float, seconds: float, seen: Seen, sights: Sequence[Sight]) -> Overload:
    end = BEFORE + seconds
    before = [answer for answer in seen.answers if answer.due < BEFORE]
    during = [answer for answer in seen.answers if BEFORE <= answer.due < end]
    after = [answer for answer in seen.answers if answer.due >= end]
    over = max((answer.due + answer.took for answer in after if _bad(answer)), default=end) - end
    unsaid = sum(1 for answer in seen.answers if not _done(answer) and not (answer.status == 503 and answer.again))
    memory = [sight.memory for sight in sights]
    edges = [seen.begun + second for second in (0, BEFORE, end, end + AFTER)]
    return Overload(
        capacity,
        seconds,
        times(before, BEFORE),
        times([answer for answer in during if _done(answer)], seconds),
        times([answer for answer in during if answer.status == 503], seconds),
        times(after, AFTER),
        over if _calm(before) else None,
        (memory[0], max(memory), memory[-1]),
        unsaid + seen.unsent + seen.unanswered,
        quantile([1000 * answer.late for answer in seen.answers], 0.99),
        (share(sights, *edges[:2]), share(sights, *edges[1:3]), share(sights, *edges[2:])),
    )


def times(answers: Sequence[Answer], seconds: float) -> Times:
    """Zeros where there are none."""
    took = [answer.took * 1000 for answer in answers]
    return Times(len(answers) / seconds, *(quantile(took, part) for part in (0.5, 0.99, 1)))


def quantile(values: Sequence[float], part: float) -> float:
    """Zero where there are none."""
    ordered = sorted(values) or [0.0]
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def _calm(answers: Sequence[Answer]) -> bool:
    return not any(map(_bad, answers)) and quantile([answer.took for answer in answers], 0.5) <= QUIET


def _done(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def _bad(answer: Answer) -> bool:
    return not _done(answer) or answer.took > SLOW
