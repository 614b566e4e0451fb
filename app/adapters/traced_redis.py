"""Redis with a span for each command that a traced request sends: the command's name, never its keys or values."""

from collections.abc import Callable, Coroutine
from functools import lru_cache
from typing import Any

from opentelemetry.trace import SpanKind
from redis.asyncio import Redis

from app.telemetry.spans import Sort, awaited, current


class TracedRedis(Redis):
    _untraced: Callable[..., Coroutine[Any, Any, Any]] = Redis.execute_command  # it has no types

    def execute_command(self, *args: Any, **options: Any) -> Coroutine[Any, Any, Any]:
        around = current()
        if around is None:
            return self._untraced(*args, **options)
        return awaited(around.child(_sort_of(str(args[0]))), self._untraced(*args, **options))


@lru_cache(256)
def _sort_of(command: str) -> Sort:
    name = command.partition(" ")[0]
    return Sort(name, SpanKind.CLIENT, {"db.system.name": "redis", "db.operation.name": name})
