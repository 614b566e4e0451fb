"""What is told of jobs: how each run ended, when the last good one was, and its span (R61, R62)."""

from collections.abc import Awaitable, Callable

from app.telemetry.runtime import JobMetrics
from app.telemetry.spans import Recorder, awaited, sort_of


class Runs:
    """Without a recorder there are no spans."""

    def __init__(self, metrics: JobMetrics, recorder: Recorder | None) -> None:
        self._metrics, self._recorder = metrics, recorder

    def of[**P, T](self, job: str, every: float, run: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """The same, watched. `every` in seconds: how often it shall be done."""
        self._metrics.began(job, every)

        async def watched(*given: P.args, **named: P.kwargs) -> T:
            try:
                work = run(*given, **named)
                result = await (
                    work if self._recorder is None else awaited(self._recorder.root(sort_of(f"job {job}")), work)
                )
            except Exception:  # whatever it is, the job itself deals with it
                self._metrics.ended(job, done=False)
                raise
            self._metrics.ended(job, done=True)
            return result

        return watched
