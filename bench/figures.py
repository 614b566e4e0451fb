"""What was measured, and what it is worth: medians over the rounds, ratios to the peers, and our budget."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figures:
    """Per request: CPU milliseconds; times in milliseconds."""

    server: float
    postgres: float
    rate: float  # requests per second
    p50: float
    p99: float

    @property
    def both(self) -> float:
        return self.server + self.postgres

    def cells(self) -> tuple[str, ...]:
        """Of a table: server, PostgreSQL, both, requests per second, p50 and p99."""
        milliseconds = (f"{value:.3g}" for value in (self.server, self.postgres, self.both))
        return (*milliseconds, f"{self.rate:,.0f}", f"{self.p50:.2f}", f"{self.p99:.2f}")


@dataclass(frozen=True)
class Results:
    """By (contender, workload). `statements`: SQL per request."""

    figures: Mapping[tuple[str, str], Figures]
    statements: Mapping[tuple[str, str], int]
    spread: float  # the widest of the rounds from the median, of server CPU, as a share

    def get(self, contender: str, workload: str) -> Figures | None:
        return self.figures.get((contender, workload))


def medians(rounds: Mapping[tuple[str, str], Sequence[Figures]]) -> tuple[dict[tuple[str, str], Figures], float]:
    """Also the widest spread: how far a round's server CPU was from its median, as a share of it."""
    found: dict[tuple[str, str], Figures] = {}
    widest = 0.0
    for key, measured in rounds.items():
        found[key] = Figures(
            *(median(getattr(each, name) for each in measured) for name in ("server", "postgres", "rate", "p50", "p99"))
        )
        widest = max(widest, *(abs(each.server / found[key].server - 1) for each in measured))
    return found, widest


@dataclass(frozen=True)
class Verdict:
    """One line of the budget: `measured` against `allowed`; `met` None where it was not measured."""

    workload: str
    what: str
    allowed: str
    measured: str
    met: bool | None


SERVER, BOTH = "server CPU", "server + PostgreSQL CPU"

# (workload, peer, what, times the peer's at most)
AT_MOST: Sequence[tuple[str, str, str, float]] = (
    ("W1", "mercurius", SERVER, 1.4),
    ("W2", "postgraphile", SERVER, 0.7),
    ("W2", "mercurius", SERVER, 0.33),
    ("W3", "mercurius", SERVER, 0.75),
    ("W4", "mercurius", SERVER, 0.8),
    ("W1", "limit", BOTH, 1.25),
    ("W2", "limit", BOTH, 1.25),
    ("W3", "limit", BOTH, 1.25),
    ("W4", "limit", BOTH, 1.5),
)
STATEMENTS: Mapping[str, int] = {"W1": 2, "W2": 4, "W3": 1, "W4": 3}
STRAWBERRY: Mapping[str, int] = {"W1": 20, "W2": 40, "W3": 20, "W4": 25}


def budget(results: Results) -> Iterator[Verdict]:
    """Line by line, as docs/benchmarks.md explains it."""
    for workload, peer, what, allowed in AT_MOST:
        ratio = _ratio(results, workload, peer, what)
        shown = "not measured" if ratio is None else f"{ratio:.2f} ×"
        met = None if ratio is None else ratio <= allowed
        yield Verdict(workload, f"{what}, of {peer}'s", f"≤ {allowed} ×", shown, met)
    for workload, most in STATEMENTS.items():
        count = results.statements.get(("ours", workload))
        shown = "not measured" if count is None else str(count)
        yield Verdict(workload, "SQL statements", f"≤ {most}", shown, None if count is None else count <= most)
    for workload, least in STRAWBERRY.items():
        ratio = _ratio(results, workload, "strawberry", SERVER)
        shown = "not measured" if ratio is None else f"{1 / ratio:.1f} ×"
        met = None if ratio is None else 1 / ratio >= least
        yield Verdict(workload, "server CPU of strawberry, over ours", f"≥ {least} ×", shown, met)


def _ratio(results: Results, workload: str, peer: str, what: str) -> float | None:
    """Ours over the peer's."""
    ours, theirs = results.get("ours", workload), results.get(peer, workload)
    if ours is None or theirs is None:
        return None
    return ours.server / theirs.server if what == SERVER else ours.both / theirs.both
