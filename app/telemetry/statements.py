"""What is told of each statement: its time, its span where there is a trace, and a line of the log where it is slow."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Protocol

import structlog
from opentelemetry.trace import SpanKind

from app.kernel.errors import DomainError
from app.telemetry.metrics import DatabaseMetrics
from app.telemetry.spans import NANOSECONDS, Recording, Sort, here

log = structlog.get_logger()

AGAIN = 1.0  # seconds between two lines on statements of one name
PLAN_AGAIN = 3_600.0  # seconds between two plans of one statement
PLAN_PAUSE = 10.0  # seconds between two plans


class Named(Protocol):
    """A statement: its name, and the text that has no values in it."""

    @property
    def name(self) -> str: ...
    @property
    def text(self) -> str: ...


# The lines of the plan, without running the statement and without a value in them.
type Explain[S] = Callable[[S], Awaitable[Sequence[str]]]


class SlowStatements[S: Named]:
    """Lines and plans are bounded: where the database as a whole is slow, every statement is."""

    def __init__(self, seconds: float, plans: bool, monotonic: Callable[[], float] = time.monotonic) -> None:
        """From `seconds` on a statement is slow."""
        self.seconds, self._plans, self._monotonic = seconds, plans, monotonic
        self._untold: dict[str, int] = {}
        self._told: dict[str, float] = {}
        self._explained: dict[str, float] = {}
        self._next_plan = 0.0
        self._explaining: asyncio.Task[None] | None = None
        self.explain: Explain[S] | None = None

    def tell(self, statement: S, seconds: float) -> None:
        name, now = statement.name, self._monotonic()
        if now < self._told.get(name, 0.0) + AGAIN and name in self._told:
            self._untold[name] = self._untold.get(name, 0) + 1
            return
        self._told[name] = now
        log.warning(
            "slow statement",
            statement=name,
            milliseconds=round(seconds * 1000, 1),
            untold=self._untold.pop(name, 0),
        )
        if self._plans and self.explain is not None and self._may_explain(statement, now):
            self._explaining = asyncio.create_task(self._explain(self.explain, statement))

    def _may_explain(self, statement: S, now: float) -> bool:
        """One at a time. Statements of one name have several texts, by what is asked for."""
        last = self._explained.get(statement.text)
        if now < self._next_plan or (last is not None and now < last + PLAN_AGAIN):
            return False
        if self._explaining is not None and not self._explaining.done():
            return False
        self._next_plan, self._explained[statement.text] = now + PLAN_PAUSE, now
        return True

    async def _explain(self, explain: Explain[S], statement: S) -> None:
        try:
            plan = await explain(statement)
        except DomainError as error:
            log.info("a slow statement's plan cannot be had", statement=statement.name, reason=error.message)
        except Exception as error:  # the outermost of its task; what the database says of it may hold values
            log.warning("a slow statement has no plan", statement=statement.name, error=type(error).__name__)
        else:
            log.warning("plan of a slow statement", statement=statement.name, plan=plan)

    async def close(self) -> None:
        if self._explaining is not None:
            self._explaining.cancel()
            await asyncio.wait([self._explaining])


class StatementObserver[S: Named]:
    """An Observer of `app.db.database`."""

    def __init__(self, metrics: DatabaseMetrics, slow: SlowStatements[S] | None, traced: bool) -> None:
        self._metrics, self._slow, self._traced = metrics, slow, traced
        self._slow_from = slow.seconds if slow is not None else float("inf")

    def __call__(self, statement: S, seconds: float, error: type[BaseException] | None) -> None:
        self._metrics.record(statement.name, seconds)
        if error is not None:
            self._metrics.failed(error)
        if seconds >= self._slow_from and self._slow is not None:
            self._slow.tell(statement, seconds)
        if self._traced and (around := here()) is not None and not around.ended:
            ended = time.time_ns()
            started = ended - int(seconds * NANOSECONDS)
            span = Recording(around.trace, around.id, _sort_of(statement.name), started)
            if error is not None:
                span.fail(error)
            span.end(ended)


@lru_cache(1_024)
def _sort_of(name: str) -> Sort:
    """Of a statement."""
    return Sort(name, SpanKind.CLIENT, {"db.system.name": "postgresql", "db.query.summary": name})
