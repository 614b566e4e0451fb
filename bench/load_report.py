"""The section on load in docs/benchmarks.md: figures, targets (R64, R69), and what they are worth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.artillery import Played, held, read_config
from bench.figures import Figures, Verdict
from bench.load import CONNECTIONS
from bench.machine import describe
from bench.overload import AFTER, BEFORE, CALLERS, FACTOR, QUIET, TRIES, Overload
from bench.page import LOAD

PROFILE_HEADINGS = ("", "callers", "requests", "requests/s at most", "P50", "P95", "P99", "errors")
MIX_HEADINGS = (
    "", "requests/s", "P50", "P99", "server CPU ms", "PostgreSQL CPU ms", "requests/s per core of the server",
    "requests/s per core of both",
)  # fmt: skip
OVERLOAD_HEADINGS = (
    "", "requests/s", "P50", "P99", "longest", "of its core the server used", "of its core others took",
)  # fmt: skip
VERDICT_HEADINGS = ("", "what", "target", "measured", "")
PERCENTILES = ("median", "p95", "p99")
RATE = 1_000  # requests per second (R69)
SQL_P95 = 50.0  # milliseconds (R69)
ADMITTED_P99 = 500.0  # milliseconds (R64)
REFUSED_P99 = 100.0  # milliseconds: "quickly"
RECOVERED = 2.0  # seconds (R64)
GROWTH = 50.0  # MiB at the most, while it lasts
NAMES = {"median": "P50", "p95": "P95", "p99": "P99", "errors": "errors"}
TEXT = """{start}

Measured on {date} by `make load`,
{length}. Of ten callers seven create a feature, get it
and put it, and three list twenty ([ops/load](../ops/load/features.yml)); each has a token of one of a thousand users.
One server process on one core; PostgreSQL, Valkey and whoever asks share another. Times in milliseconds, as the caller
sees them.

{profiles}

![Response times and requests per second, by profile](load.svg)

{mix}

{overload}

{verdicts}

- The first table is Artillery's, which makes a connection for each caller and needs some 2 ms of CPU for a request
  itself: with PostgreSQL on the same core its times are rather those of that core. It has the 10, 50 and 100 callers a
  second of the scenario; its thresholds (`ensure`) are those of the table of targets.
- The second is wrk's, with {connections} connections, as much as the server can do: the same calls in the same shares,
  prepared, so that what is got and put is what the caller had before (`If-Match: *`). A request that fails stops the
  run.
- The third is an open loop: {callers:,} connections ask {factor:g} times as much as the second table says, and half of
  that before and afterwards, whatever becomes of what was asked before; a time begins when a request was due, so that
  it has in it what whoever asks was late himself: {late:.1f} ms (P99).
  Memory of the server: {memory}.
  {recovered}
- Whether it recovers can be seen where half of what it could do was little before: nobody was refused, nobody waited
  for more than half a second, and half of them for no more than {quiet:g} ms. Where it was not, others have the
  processors by then, and both tables are measured again, {tries} times in all at the most, whatever came of the rest.
  {tried}
- SQL is the server's own `database_query_duration_seconds`, all statements, interpolated in its buckets.
- Limits are counted and never reached; they, metrics and JSON logs are as shipped. PostgreSQL does not wait for the
  disk, and vacuums by itself. Machine: {machine}.

"""


@dataclass(frozen=True)
class LoadRun:
    """`overloads`: as often as it was tried; the last one is judged, and `mix` is what came before that. `sql`: P95 in
    milliseconds, of the scenario and of the mix. `load`: of the machine, at the start (one minute)."""

    profiles: Sequence[Played]
    mix: Figures
    overloads: Sequence[Overload]
    sql: tuple[float | None, float | None]
    scale: float
    load: float


def profile_rows(profiles: Sequence[Played]) -> Iterator[Sequence[str]]:
    for played in profiles:
        found = (played.values.get(f"http.response_time.{part}") for part in PERCENTILES)
        times = ("–" if value is None else f"{value:.1f}" for value in found)
        counted = (f"{played.callers:,}", f"{played.requests:,}", f"{played.rate:.0f}")
        yield (played.profile, *counted, *times, f"{played.errors:.3g} %")


def mix_rows(mix: Figures) -> Iterator[Sequence[str]]:
    figures = (f"{mix.rate:,.0f}", f"{mix.p50:.1f}", f"{mix.p99:.1f}", f"{mix.server:.3g}", f"{mix.postgres:.3g}")
    yield ("the same mix", *figures, f"{1000 / mix.server:,.0f}", f"{1000 / mix.both:,.0f}")


def overload_rows(seen: Overload) -> Iterator[Sequence[str]]:
    before, meanwhile, after = ((_percent(share.server), _percent(share.others)) for share in seen.shares)
    yield (f"before, for {BEFORE:g} s", *seen.before.cells(), *before)
    yield (f"let in, for {seen.seconds:g} s", *seen.admitted.cells(), *meanwhile)
    yield ("told to wait", *seen.refused.cells(), "", "")
    yield (f"afterwards, for {AFTER:g} s", *seen.after.cells(), *after)


def scenario_verdicts(profiles: Sequence[Played], sql: float | None) -> Iterator[Verdict]:
    """As Artillery judges."""
    config = read_config()
    for played in profiles:
        for line in held(config, played):
            name = NAMES[line.what.rpartition(".")[2]]
            unit, sign = ("%", "≤") if name == "errors" else ("ms", "<")
            shown = "not measured" if line.measured is None else f"{line.measured:.3g} {unit}"
            yield Verdict(played.profile, name, f"{sign} {line.allowed:g} {unit}", shown, line.met)
    yield _below("all three", "SQL, P95", sql, SQL_P95, "ms")


def verdicts(run: LoadRun) -> Iterator[Verdict]:
    yield from scenario_verdicts(run.profiles, run.sql[0])
    rate = run.mix.rate
    yield Verdict("the same mix", "requests/s of one process", f"> {RATE:,}", f"{rate:,.0f}", rate > RATE)
    yield _below("the same mix", "SQL, P95", run.sql[1], SQL_P95, "ms")
    seen, where = run.overloads[-1], "twice as many"
    yield _below(where, "P99 of what is let in", seen.admitted.p99, ADMITTED_P99, "ms")
    yield _below(where, "P99 until told to wait", seen.refused.p99, REFUSED_P99, "ms")
    yield _below(where, "neither done nor told when to come again", float(seen.failed), 1, "requests")
    yield _below(where, "memory, growth", seen.memory[1] - seen.memory[0], GROWTH, "MiB")
    yield _below(where, "recovery", seen.recovered, RECOVERED, "s")


def section(run: LoadRun, profiles: str, mix: str, overload: str, targets: str) -> str:
    seen = run.overloads[-1]
    before, most, end = seen.memory
    length = "at full length" if run.scale == 1 else f"at {run.scale:g} times its length"
    return TEXT.format(
        start=LOAD,
        date=datetime.now(UTC).date().isoformat(),
        length=f"{length}, with {run.load:.1f} programs at work at its start",
        profiles=profiles,
        mix=mix,
        overload=overload,
        verdicts=targets,
        callers=CALLERS,
        factor=FACTOR,
        connections=CONNECTIONS,
        memory=f"{before:.0f} MiB before, {most:.0f} at the most, {end:.0f} at the end",
        late=seen.late,
        quiet=QUIET * 1000,
        recovered=_recovery(seen),
        tries=TRIES,
        tried=_tried(run.overloads),
        machine=describe(),
    )


def _recovery(seen: Overload) -> str:
    if seen.recovered is None:
        return "How soon it was over cannot be told: before, it was no better."
    return (
        f"After its end it took {seen.recovered:.2f} s until nobody was refused or waited for more than half a second."
    )


def _tried(overloads: Sequence[Overload]) -> str:
    if len(overloads) == 1:
        return "Here the first time was well."
    earlier = ", ".join(f"{each.before.p50:.0f} ms and {_percent(each.shares[0].others)}" for each in overloads[:-1])
    return (
        f"Here it took {len(overloads)}; how long half of them waited before, in those that did not count, and what "
        f"others had of the server's core then: {earlier}."
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0f} %"


def _below(where: str, what: str, measured: float | None, allowed: float, unit: str) -> Verdict:
    shown = "not measured" if measured is None else f"{measured:.3g} {unit}"
    return Verdict(where, what, f"< {allowed:g} {unit}", shown, None if measured is None else measured < allowed)
