"""Spans on their way to a collector, by OTLP over HTTP: gathered in bounded number, sent in batches, never waited for.

A collector that is away costs its spans and nothing else: no request notices.
"""

import asyncio
from collections import deque
from collections.abc import Mapping

import httpx2
import structlog

from app.telemetry.otlp import request_of
from app.telemetry.runtime import SpanMetrics
from app.telemetry.spans import Recording, Value

log = structlog.get_logger()

PATH = "/v1/traces"
WAITING = 4_096  # spans; each is about half a kilobyte
BATCH = 1_024  # spans of one request, which are some milliseconds' work
PAUSE = 1.0  # seconds in which spans gather
PATIENCE = 5.0  # seconds for one request
RETRY = 5.0  # seconds after one that failed
LAST = 2.0  # seconds for what is left when the process ends


class SpanExport:
    """`endpoint`: the collector's base URL; `about`: whose spans they are."""

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str],
        about: Mapping[str, Value],
        metrics: SpanMetrics,
        retry: float = RETRY,
    ) -> None:
        self._url, self._about, self._metrics, self._retry = endpoint.rstrip("/") + PATH, about, metrics, retry
        self._headers = {**headers, "content-type": "application/x-protobuf", "user-agent": "feature-api"}
        self._spans: deque[Recording] = deque()
        self._away = False

    def put(self, span: Recording) -> None:
        """The sink of what is recorded."""
        if len(self._spans) < WAITING:
            self._spans.append(span)
        else:
            self._metrics.ended("dropped")

    async def run(self) -> None:
        """Until it is cancelled; then what waits is sent, if that is possible."""
        async with httpx2.AsyncClient(timeout=PATIENCE, headers=self._headers, trust_env=False) as client:
            try:
                while True:
                    sent = await self._send(client)
                    await asyncio.sleep(PAUSE if sent else self._retry)
            finally:
                try:
                    async with asyncio.timeout(LAST):
                        await self._send(client)
                except TimeoutError:
                    log.warning("spans are lost", spans=len(self._spans))

    async def _send(self, client: httpx2.AsyncClient) -> bool:
        """All that waits by now, unless one request fails: its spans are lost, the others wait on."""
        left = len(self._spans)
        while left > 0:
            batch = [self._spans.popleft() for _ in range(min(BATCH, left))]
            left -= len(batch)
            try:
                answer = await client.post(self._url, content=request_of(batch, self._about))
                answer.raise_for_status()
            except (httpx2.HTTPError, OSError) as error:
                self._failed(len(batch), error)
                return False
            self._metrics.ended("sent", len(batch))
            if self._away:
                self._away = False
                log.info("spans are sent again")
        return True

    def _failed(self, spans: int, error: Exception) -> None:
        """Said once, until it works again; the error's text would name the collector."""
        self._metrics.ended("failed", spans)
        if not self._away:
            self._away = True
            status = error.response.status_code if isinstance(error, httpx2.HTTPStatusError) else None
            log.warning("spans cannot be sent", error=type(error).__name__, status=status)
