"""Redis with a span for each command that a traced request sends: the command's name, never its keys or values."""

from collections.abc import Awaitable, Callable
from typing import Any

from opentelemetry.trace import SpanKind
from redis.asyncio import Redis

from app.telemetry.spans import awaited, current


class TracedRedis(Redis):
    _untraced: Callable[..., Awaitable[Any]] = Redis.execute_command  # it has no types

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        around = current()
        if around is None:
            return await self._untraced(*args, **options)
        name = str(args[0]).partition(" ")[0]
        span = around.child(name, SpanKind.CLIENT)
        span.attributes["db.system.name"], span.attributes["db.operation.name"] = "redis", name
        return await awaited(span, self._untraced(*args, **options))
