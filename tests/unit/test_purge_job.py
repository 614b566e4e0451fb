"""The job that deletes ended sessions: as long as there are more, every hour, and again after any failure."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.jobs import idempotency, operations
from app.jobs.sessions import BATCH, purge_sessions
from app.kernel.errors import Unavailable

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)

type Asked = list[tuple[datetime, datetime, int]]


async def run(outcomes: list[int | Exception], hour: float, retry: float) -> Asked:
    """What the job asked for, until it has had all of the outcomes; it runs on until it is ended."""
    asked: Asked = []
    done = asyncio.Event()

    async def purge(ended_before: datetime, spent_before: datetime, most: int) -> int:
        asked.append((ended_before, spent_before, most))
        if len(asked) > len(outcomes):
            done.set()
            await asyncio.Event().wait()
        outcome = outcomes[len(asked) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    job = asyncio.create_task(purge_sessions(purge, lambda: NOW, 3600, hour, retry))
    await asyncio.wait_for(done.wait(), 20)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    return asked


async def test_job_goes_on_while_batches_are_full_and_then_waits() -> None:
    with capture_logs() as logged:
        asked = await run([2 * BATCH, BATCH, 5, 0], hour=0, retry=3600)
    assert asked == [(NOW - timedelta(days=1), NOW - timedelta(hours=1), BATCH)] * 5
    assert [line["rows"] for line in logged] == [3 * BATCH + 5, 0]


async def test_job_asks_again_after_the_database_was_away_or_refused() -> None:
    with capture_logs() as logged:
        await run([Unavailable("away"), OSError(), Unavailable("away")], hour=3600, retry=0)
    assert [line["log_level"] for line in logged] == ["warning", "error", "warning"]


type PurgeBefore = Callable[[datetime, int], Awaitable[int]]


@pytest.mark.parametrize(
    ("start", "before"),
    [
        (lambda purge: idempotency.purge_answers(purge, lambda: NOW, hour=0, retry=0), NOW),
        (lambda purge: operations.purge_operations(purge, lambda: NOW, 90, hour=0, retry=0), NOW - timedelta(days=90)),
    ],
    ids=["kept answers", "recorded operations"],
)
async def test_other_jobs_go_on_while_batches_are_full_and_after_any_failure(
    start: Callable[[PurgeBefore], Coroutine[Any, Any, None]], before: datetime
) -> None:
    asked: list[tuple[datetime, int]] = []
    outcomes: list[int | Exception] = [BATCH, 5, Unavailable("away"), OSError(), 0]
    done = asyncio.Event()

    async def purge(before: datetime, most: int) -> int:
        asked.append((before, most))
        if len(asked) > len(outcomes):
            done.set()
            await asyncio.Event().wait()
        outcome = outcomes[len(asked) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with capture_logs() as logged:
        job = asyncio.create_task(start(purge))
        await asyncio.wait_for(done.wait(), 20)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
    assert asked == [(before, BATCH)] * 6
    assert [(line["log_level"], line.get("rows")) for line in logged] == [
        ("info", BATCH + 5),
        ("warning", None),
        ("error", None),
        ("info", 0),
    ]
