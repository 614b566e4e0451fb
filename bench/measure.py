"""The run itself: who is measured when, and CPU time per request of the server and of PostgreSQL."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from bench.check import Checked, check, compare
from bench.contenders import BenchError, Contender
from bench.figures import Figures, Results, medians
from bench.load import CONNECTIONS, load
from bench.machine import cpu_seconds
from bench.request import Request
from bench.serve import Running, serving
from bench.stage import Stage
from bench.workloads import Workload

WARM_SECONDS = 2
# When wrk stops, up to sixteen requests are under way, paid for and not counted: a slow server is measured longer.
ENOUGH = 1_000  # requests
LONGEST = 30  # seconds

type Progress = Callable[[str], None]


def measure(
    stage: Stage,
    contenders: Sequence[Contender],
    workloads: Sequence[Workload],
    rounds: int,
    seconds: int,
    step: Progress,
) -> Results:
    """`step` is told what comes next. Raises BenchError where one fails, or two do not answer alike."""
    checked = _check_all(stage, contenders, workloads, step)
    found: Mapping[tuple[str, str], list[Figures]] = defaultdict(list)
    for number in range(rounds):
        turn = number % len(contenders)  # nobody is always first
        for contender in (*contenders[turn:], *contenders[:turn]):
            step(f"round {number + 1} of {rounds}: {contender.title}")
            with serving(contender, stage) as running:
                for workload in workloads:
                    length = checked[contender.name, workload.name].length
                    forget = stage.forget_writes if workload.writes else None
                    asked = partial(running.requests, workload)
                    where = f"{workload.name}: {contender.title}"
                    cell = timed(running, where, asked, number, seconds, length, forget)
                    found[contender.name, workload.name].append(cell)
                    step("")
    figures, spread = medians(found)
    return Results(figures, {key: each.statements for key, each in checked.items()}, spread)


def steps(contenders: Sequence[Contender], workloads: Sequence[Workload], rounds: int) -> int:
    """How often `step` is called."""
    return len(contenders) * (1 + rounds * (1 + len(workloads)))


def _check_all(
    stage: Stage, contenders: Sequence[Contender], workloads: Sequence[Workload], step: Progress
) -> dict[tuple[str, str], Checked]:
    found: dict[tuple[str, str], Checked] = {}
    stage.log_statements(True)
    for contender in contenders:
        step(f"answers and statements: {contender.title}")
        with serving(contender, stage) as running:
            for workload in workloads:
                requests = running.requests(workload, "check")
                found[contender.name, workload.name] = check(running, requests, workload.writes)
        stage.forget_writes()  # the next one writes the same names, and reads the same newest features
    stage.log_statements(False)
    for workload in workloads:
        compare({each.title: found[each.name, workload.name] for each in contenders}, workload.name)
    return found


def timed(
    running: Running,
    where: str,
    requests: Callable[[str], Sequence[Request]],
    number: int,
    seconds: int,
    length: int,
    forget: Callable[[], int] | None,
) -> Figures:
    """`requests` of a run that is named; `length`: of an answer, roughly; shorter ones hold errors. `forget`, of what
    writes: how many rows came of it, which are gone then. Raises BenchError."""
    stage = running.stage
    warm = load(running, requests(f"{number} warm"), WARM_SECONDS)
    wanted = min(LONGEST, math.ceil(ENOUGH * warm.seconds / warm.requests))
    asked = requests(f"{number} timed")
    server, postgres = cpu_seconds(running.pid), stage.postgres_cpu_seconds()
    seen = load(running, asked, max(seconds, wanted), start=warm.requests)
    server, postgres = cpu_seconds(running.pid) - server, stage.postgres_cpu_seconds() - postgres
    if seen.bytes / seen.requests < length / 2:
        raise BenchError(f"{where} gave answers of {seen.bytes / seen.requests:.0f} bytes under load.")
    if forget is not None:
        created, sent = forget(), warm.requests + seen.requests
        # Requests under way when wrk stopped: in both runs, and those of the run before that came after its count.
        if not 0 <= created - sent <= 3 * CONNECTIONS:
            raise BenchError(f"{where} answered {sent} requests, and created {created} features.")
    return Figures(
        1000 * server / seen.requests, 1000 * postgres / seen.requests, seen.requests / seen.seconds, seen.p50, seen.p99
    )
