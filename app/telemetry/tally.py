"""Histograms that every request observes, for a fraction of the time: counted in plain lists, and handed over when
somebody looks.

prometheus_client takes a lock for each of two numbers, and searches the buckets one by one. It has no way to add many
observations at once, so the hand-over writes to the numbers behind its histogram (tests hold them to what `observe`
would have made of them). Processes that share their metrics observe at once, since another one may be asked.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric

from app.telemetry.shared import metrics_are_shared


class Observed(Protocol):
    def observe(self, amount: float) -> None: ...


class Tally:
    """Of a histogram, or of one of its children; `total` counts the same. One thread alone may observe."""

    __slots__ = ("_bounds", "_child", "_counts", "_sum", "_total")

    def __init__(self, child: Histogram, total: Counter | None) -> None:
        self._child, self._total = child, total
        self._bounds: list[float] = child._upper_bounds[:-1]  # noqa: SLF001  # see above
        self._counts, self._sum = [0] * (len(self._bounds) + 1), 0.0

    def observe(self, amount: float) -> None:
        self._counts[bisect_left(self._bounds, amount)] += 1
        self._sum += amount

    def settle(self) -> None:
        """The histogram knows by now what was observed."""
        for place, count in enumerate(self._counts):
            if count:
                self._counts[place] = 0
                self._child._buckets[place].inc(count)  # noqa: SLF001
                if self._total is not None:
                    self._total.inc(count)
        self._child._sum.inc(self._sum)  # noqa: SLF001
        self._sum = 0.0


class AtOnce:
    def __init__(self, child: Histogram, total: Counter | None) -> None:
        self._child, self._total = child, total

    def observe(self, amount: float) -> None:
        self._child.observe(amount)
        if self._total is not None:
            self._total.inc()


class Tallies:
    """Those of one registry. Make it before the histograms: a registry asks its collectors in their order, and this
    one, which has nothing to tell, settles what the others are about to."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tallies: list[Tally] = []
        self._shared = metrics_are_shared()
        registry.register(self)

    def of(self, child: Histogram, total: Counter | None = None) -> Observed:
        if self._shared:
            return AtOnce(child, total)
        tally = Tally(child, total)
        self._tallies.append(tally)
        return tally

    def collect(self) -> Iterator[Metric]:
        for tally in self._tallies:
            tally.settle()
        return iter(())
