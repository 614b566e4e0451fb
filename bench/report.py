"""The figures for people: tables on the terminal, and docs/benchmarks.md with its picture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.contenders import ROOT, UNLEASH, Contender, platforms
from bench.figures import Figures, Results, Verdict, budget
from bench.load import CONNECTIONS
from bench.machine import Cores, describe
from bench.page import LOAD, REST, replaced
from bench.page import section as section_of
from bench.picture import draw
from bench.rest import CALLS
from bench.rest_report import HEADINGS as REST_HEADINGS
from bench.rest_report import RestRun, rest_budget, rows, section
from bench.workloads import Workload

PAGE = ROOT / "docs" / "benchmarks.md"
MARKS = {True: "ok", False: "over", None: "–"}
HEADINGS = ("", "server", "PostgreSQL", "both", "requests/s", "p50", "p99", "SQL", "ours/its server", "ours/its both")
BUDGET_HEADINGS = ("", "what", "budget", "measured", "")
TEXT = """# Benchmarks

What a request costs, here and on other servers, by **CPU milliseconds per request**: of the server's process, and of
PostgreSQL on its behalf. That figure survives a busy machine; requests per second and latencies do so less. Written by
`make bench` on {date}. In the tables: CPU milliseconds per request, requests per second of one server process, latency
in milliseconds, SQL statements per request, and our CPU milliseconds divided by those of the server in the row.

![CPU milliseconds per request, by workload and server](benchmarks.svg)

{tables}

## Budget

{budget}

## What was measured

- **Feature API runs as it is shipped**: an administrator's token verified, permissions, limits, costs, rate-limit
  points, metrics and JSON logs on; only the points per minute and the limit of active features are set high. W4 also
  counts the owner's active features and writes the outbox. **The others do none of this**: they have no
  authentication, no permissions and no limits.
- *The limit* is no GraphQL server: one prepared statement per request, whose JSON PostgreSQL writes, on a bare ASGI
  application. Nobody who reads the same rows from the same database can do with much less.
- The others are used as their documentation teaches, each a small program in `bench/peers/`. *Strawberry* is a server
  on the same libraries as ours: SQLAlchemy's ORM, Strawberry's own DataLoader and its own view.
- All answer from the same tables of one PostgreSQL: 1,000 users, 50,000 features, 500,000 audit entries; it does not
  wait for the disk, and no autovacuum runs. What W4 wrote is deleted after each run. PostGraphile's operations select
  the same by its own schema's names; all others get the same text. Before anything is timed, all answers are compared:
  names, statuses, actions, times, keys and order must be equal.
- {pinning} Load comes from wrk with {connections}
  keep-alive connections. Each server runs alone, for {seconds} s per workload, longer where that is fewer than 1,000
  requests, after 2 s to warm up; the order changes from round to round. Figures are medians of the rounds: {rounds}.
  The widest that a round's server CPU lay from its median was {spread:.0%}.
- SQL: statements that PostgreSQL logged for one request (`log_statement = all`, the median of nine), BEGIN and COMMIT
  too.

Machine: {machine}. PostgreSQL 18, {platforms}.

| | versions |
|---|---|
{versions}

## Repeat it

    apt-get install wrk
    make bench                                       # all of it, and this page
    make bench ROUNDS=5 SECONDS=10
    make bench ONLY=rest                             # REST, GraphQL and Unleash, and their section of this page
    make bench ARGS="--only ours,mercurius --workloads W1,W2 --seconds 5"
    make bench-traces                                # what traces add to the smallest request
    make bench-memory                                # memory after 100,000 distinct operations
    make load                                        # the load, and its section of this page, in seven minutes
"""


@dataclass(frozen=True)
class Run:
    results: Results
    contenders: Sequence[Contender]
    workloads: Sequence[Workload]
    rounds: int
    seconds: int
    cores: Cores


def show_rest(run: RestRun, console: Console) -> None:
    for call, title in CALLS.items():
        console.print(table(f"{call}: {title} (CPU milliseconds per request)", REST_HEADINGS, rows(run.results, call)))
    console.print(table("Budget of REST", BUDGET_HEADINGS, map(verdict_cells, rest_budget(run.results))))
    console.print(f"{run.rounds} rounds of {run.seconds} s; widest spread of server CPU {run.results.spread:.0%}")


def show(run: Run, console: Console) -> None:
    for workload in run.workloads:
        title = f"{workload.name}: {workload.title} (CPU milliseconds per request)"
        console.print(table(title, HEADINGS, _rows(run, workload)))
    console.print(table("Budget", BUDGET_HEADINGS, map(verdict_cells, budget(run.results))))
    console.print(f"{run.rounds} rounds of {run.seconds} s; widest spread of server CPU {run.results.spread:.0%}")


def table(title: str, headings: Sequence[str], rows: Iterator[Sequence[str]]) -> Table:
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", padding=(0, 1, 0, 0))
    figures = "measured" not in headings
    for heading in headings:
        table.add_column(heading, justify="right" if heading and figures else "left", no_wrap=not heading)
    for row in rows:
        table.add_row(*row)
    return table


def write_rest(run: RestRun) -> None:
    """That section of docs/benchmarks.md; the rest of it stays."""
    tables = "\n\n".join(
        f"### {call}: {title}\n\n{markdown(REST_HEADINGS, rows(run.results, call))}" for call, title in CALLS.items()
    )
    budget = markdown(BUDGET_HEADINGS, map(verdict_cells, rest_budget(run.results)))
    PAGE.write_text(replaced(PAGE.read_text(), REST, section(run, tables, budget)))


def write(run: Run) -> None:
    """docs/benchmarks.md, but for its sections on REST and load, and docs/benchmarks.svg."""
    tables = [
        f"## {workload.name}: {workload.title}\n\n{markdown(HEADINGS, _rows(run, workload))}"
        for workload in run.workloads
    ]
    pinning = (
        "The server has one core to itself; PostgreSQL and the load share another."
        if run.cores.pinned
        else "Nothing was pinned to a core: the machine has too few."
    )
    text = TEXT.format(
        date=datetime.now(UTC).date().isoformat(),
        tables="\n\n".join(tables),
        budget=markdown(BUDGET_HEADINGS, map(verdict_cells, budget(run.results))),
        pinning=pinning,
        connections=CONNECTIONS,
        seconds=run.seconds,
        rounds=run.rounds,
        spread=run.results.spread,
        machine=describe(),
        platforms=platforms(),
        versions="\n".join(f"| {each.title} | {each.versions()} |" for each in (*run.contenders, UNLEASH)),
    )
    before = PAGE.read_text()
    for heading in (REST, LOAD):
        text = replaced(text, heading, section_of(before, heading))
    PAGE.write_text(text)
    (ROOT / "docs" / "benchmarks.svg").write_text(draw(run.results, run.contenders, run.workloads))


def _rows(run: Run, workload: Workload) -> Iterator[Sequence[str]]:
    ours = run.results.get("ours", workload.name)
    for contender in run.contenders:
        found = run.results.get(contender.name, workload.name)
        if found is not None:
            statements = run.results.statements[contender.name, workload.name]
            yield (contender.title, *found.cells(), str(statements), *_ratios(ours, found))


def _ratios(ours: Figures | None, found: Figures) -> tuple[str, str]:
    if ours is None or ours is found:
        return "", ""
    return f"{ours.server / found.server:.2f}", f"{ours.both / found.both:.2f}"


def verdict_cells(verdict: Verdict) -> tuple[str, ...]:
    return verdict.workload, verdict.what, verdict.allowed, verdict.measured, MARKS[verdict.met]


def markdown(headings: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [" | ".join(headings), "|".join("---" for _ in headings), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" if "---" not in line else f"|{line}|" for line in lines)
