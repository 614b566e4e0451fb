"""Health: alive, started, ready, and a summary for people (R60). Nothing here tells of hosts, versions or secrets."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

log = structlog.get_logger()

TIMEOUT = 2.0  # seconds for each check

type Check = Callable[[], Awaitable[bool]]
type State = Literal["ok", "failed"]


class Health:
    """`needed`: without one of these the server cannot work; `useful`: without one it is degraded, not down (R64)."""

    def __init__(
        self, needed: Mapping[str, Check], useful: Mapping[str, Check], leaving: Callable[[], bool] = lambda: False
    ) -> None:
        self._needed, self._useful, self._leaving = needed, useful, leaving
        self.started = False

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/health", self._summary),
            Route("/health/live", self._live),
            Route("/health/startup", self._startup),
            Route("/health/ready", self._ready),
        ]

    async def _live(self, request: Request) -> Response:
        return _answer(200, {"status": "ok"})

    async def _startup(self, request: Request) -> Response:
        return _answer(200, {"status": "ok"}) if self.started else _answer(503, {"status": "starting"})

    async def _ready(self, request: Request) -> Response:
        if self._leaving():  # it works, and nothing more is to be sent to it
            return _answer(503, {"status": "stopping"})
        status, summary = await self._checked()
        return _answer(status, summary)

    async def _summary(self, request: Request) -> Response:
        """Like ready, but always 200: for people and dashboards."""
        return _answer(200, (await self._checked())[1])

    async def _checked(self) -> tuple[int, dict[str, object]]:
        checks = {**self._needed, **self._useful}
        found = await asyncio.gather(*(_state(name, check) for name, check in checks.items()))
        states = dict(zip(checks, found, strict=True))
        if any(states[name] == "failed" for name in self._needed):
            return 503, {"status": "unavailable", "checks": states}
        status = "degraded" if "failed" in states.values() else "ok"
        return 200, {"status": status, "checks": states}


async def _state(name: str, check: Check) -> State:
    try:
        async with asyncio.timeout(TIMEOUT):
            return "ok" if await check() else "failed"
    except Exception as error:  # whatever is wrong with it, the check has failed
        log.warning("health check failed", check=name, error=type(error).__name__)
        return "failed"


def _answer(status: int, body: Mapping[str, object]) -> Response:
    return Response(orjson.dumps(body), status, {"cache-control": "no-store"}, "application/json")
