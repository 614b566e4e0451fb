"""The section on REST in docs/benchmarks.md, and its tables on the terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.contenders import UNLEASH
from bench.figures import SERVER, Results, Verdict
from bench.page import REST
from bench.rest import CALLS, CREATORS, LANES
from bench.unleash import FEATURES

WITHIN = 1.1  # times what the same costs over GraphQL
HEADINGS = (
    "", "server", "PostgreSQL", "both", "requests/s", "p50", "p99", "SQL", "of GraphQL's server", "of Unleash's server",
    "of Unleash's both",
)  # fmt: skip
TEXT = """{start}

Measured on {date}, {rounds} rounds of {seconds} s, as the tables above; the widest that a round's server CPU lay from
its median was {spread:.0%}. The last columns are server CPU of the row divided by that of the same over GraphQL, and
what the row costs divided by what Unleash does.

{tables}

{budget}

- REST and GraphQL answer from one process, in turn. Their answers are compared before, and are equal but for
  `owner_id`, which v2 adds. v1 lists the caller's own active features with their total, v2 a page of all features by
  cursor; the operations beside them ask for as much. R1 and R2 come from an administrator, R3 from {creators} users
  in turn. As above, limits are counted and never reached.
- **Unleash** is {unleash}, on Node, in a database of its own in the same PostgreSQL, as it is installed: an
  administrator's API token, a pool of 16, telemetry and the check for new versions off. Its limits are counted and
  never reached, either; it writes no line for a request, ours does.
- R1 is `GET /api/admin/projects/default/features/NAME`, R2 `GET /api/admin/search/features?limit=20` (newest first,
  with the total: its statement reads all features of the project), R3 `POST /api/admin/projects/default/features`,
  which writes its event.
- **It is another product**: a feature there has a row per environment (two), a stage of life, dependencies, links and
  collaborators, and R1 and R2 tell of them; it has no owner, metadata or version. There are {features:,} features in
  it, as many as it allows by default, and 50,000 in ours. The ratio says what a call of either costs who runs it, not
  how well either is written.

"""


@dataclass(frozen=True)
class RestRun:
    results: Results
    rounds: int
    seconds: int


def rows(results: Results, call: str) -> Iterator[Sequence[str]]:
    theirs = results.get(UNLEASH.name, call)
    for lane in LANES:
        found = results.get(lane.name, call)
        if found is None:
            continue
        same = results.get(lane.same_as, call)
        ratios = (
            "" if same is None else f"{found.server / same.server:.2f}",
            "" if theirs is None or found is theirs else f"{found.server / theirs.server:.2f}",
            "" if theirs is None or found is theirs else f"{found.both / theirs.both:.2f}",
        )
        yield (lane.title, *found.cells(), str(results.statements[lane.name, call]), *ratios)


def rest_budget(results: Results) -> Iterator[Verdict]:
    """REST within 1.1 times of the same over GraphQL."""
    for lane in LANES:
        for call in CALLS if lane.same_as else ():
            ours, same = results.get(lane.name, call), results.get(lane.same_as, call)
            ratio = None if ours is None or same is None else ours.server / same.server
            shown = "not measured" if ratio is None else f"{ratio:.2f} ×"
            met = None if ratio is None else ratio <= WITHIN
            yield Verdict(call, f"{SERVER}, {lane.title} of GraphQL's", f"≤ {WITHIN} ×", shown, met)


def section(run: RestRun, tables: str, budget: str) -> str:
    return TEXT.format(
        start=REST,
        date=datetime.now(UTC).date().isoformat(),
        rounds=run.rounds,
        seconds=run.seconds,
        spread=run.results.spread,
        tables=tables,
        budget=budget,
        creators=CREATORS,
        features=FEATURES,
        unleash=UNLEASH.versions().split(",")[0],
    )
