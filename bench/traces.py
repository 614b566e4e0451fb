"""`make bench-traces`: what traces cost, as CPU of the smallest request in one process, HTTP not counted.

Applications of three kinds stand beside each other: without a collector, with one and nothing sampled, and with one and
a ratio; several of each, since two that are alike may differ by as much as a span. They are asked in turn, in blocks so
short that what else the machine does meets all of them. What it costs to send the spans is measured apart.
"""

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, redirect_stderr, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import orjson
import uvloop
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.table import Table
from starlette.types import ASGIApp, Message, Scope

from app.adapters.span_export import BATCH, PAUSE, SpanExport
from app.commands.minting import mint
from app.config.settings import Settings, read_settings
from app.db.migrations import migrate
from app.embedded.ports import HOST, free_port
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey
from app.main import create_app
from app.seed.seed import seed
from app.telemetry.logs import configure_logging
from app.telemetry.runtime import SpanMetrics
from app.telemetry.spans import Recorder, Recording, Sink
from app.wiring import Wiring
from bench.machine import choose_cores, keep_to_core
from bench.profile import CATALOGUE

PLAIN, SAMPLED = "no collector", "a collector, and the ratio"
QUERY = "{ viewer { name } }"
RATIO = 0.1
ROUNDS, BLOCK, ALIKE, WARM = 500, 20, 3, 1_000  # requests of a block; applications of a kind; requests before
SENT = 20  # how often a batch is sent
BUDGET = 0.05  # of the request without a collector
people = Console(file=sys.stderr, highlight=False)

# Answers 200 to all that it is sent, in a process of its own: its time is not ours.
COLLECTOR = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-traces")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N")
    parser.add_argument("--ratio", type=float, default=RATIO, metavar="R")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        postgres, valkey = Postgres(Path(folder) / "postgres", durable=False), Valkey(Path(folder) / "valkey")
        stack.callback(postgres.remove)
        postgres.start()
        stack.callback(valkey.stop)
        valkey.start()
        migrate(postgres.owner_url)
        asyncio.run(seed(postgres.owner_url, CATALOGUE))
        cores, port = choose_cores(), free_port()
        collector = subprocess.Popen([sys.executable, "-c", COLLECTOR, HOST, str(port)])
        stack.callback(collector.wait)
        stack.callback(collector.terminate)
        for pid in (collector.pid, int((postgres.data_folder / "postmaster.pid").read_text().split()[0])):
            keep_to_core(cores.others, pid)
        keep_to_core(cores.server, os.getpid())
        settings = partial(
            read_settings,
            environment="development",
            database_url=postgres.app_url,
            redis_url=valkey.url,
            data_dir=Path(folder),
            user_points=10**9,
            log_format="json",
        )
        url = f"http://{HOST}:{port}"
        kinds = {
            PLAIN: settings(),
            "a collector, nothing sampled": settings(otel_exporter_otlp_endpoint=url, otel_traces_sampler_arg=0),
            SAMPLED: settings(otel_exporter_otlp_endpoint=url, otel_traces_sampler_arg=given.ratio),
        }
        with (Path(folder) / "log").open("w") as log, redirect_stderr(log):  # each request writes its line, as shipped
            found = uvloop.run(_measure(kinds, given.rounds, url))
    sys.exit(0 if _report(found, given.ratio) else 1)


@dataclass(frozen=True)
class Found:
    """Microseconds of CPU: for one request, by kind and block; for one span that is sent, by batch. `spans` of how many
    requests of the sampled kind."""

    blocks: dict[str, list[float]]
    sent: list[float]
    spans: int
    requests: int


async def _measure(kinds: dict[str, Settings], rounds: int, url: str) -> Found:
    configure_logging("INFO", "json")
    blocks: dict[str, list[float]] = {name: [] for name in kinds}
    ended: deque[Recording] = deque()
    async with AsyncExitStack() as stack:
        token = await mint(kinds[PLAIN], "admin", None, timedelta(hours=1))
        sets: list[dict[str, ASGIApp]] = [{} for _ in range(ALIKE)]
        for number, apps in enumerate(sets):
            for name in list(kinds)[number:] + list(kinds)[:number]:
                apps[name] = await stack.enter_async_context(_started(kinds[name], ended.append))
                await _ask(apps[name], token, WARM)
        ended.clear()
        for apps in sets * rounds:
            for name in random.sample(list(kinds), len(kinds)):
                started = time.process_time()
                await _ask(apps[name], token, BLOCK)
                blocks[name].append((time.process_time() - started) / BLOCK * 1e6)
        sent = await _send(list(ended)[:BATCH], url)
    return Found(blocks, sent, len(ended), rounds * ALIKE * BLOCK)


class _Told(SpanMetrics):
    """`sent`: are they?"""

    def __init__(self) -> None:
        super().__init__(CollectorRegistry())
        self.sent = asyncio.Event()

    def ended(self, outcome: str, spans: int = 1) -> None:
        if outcome != "sent":
            raise RuntimeError(f"spans are {outcome}")
        self.sent.set()


async def _send(spans: Sequence[Recording], url: str) -> list[float]:
    """By batch, over one connection, that of the first one left out."""
    told, found = _Told(), list[float]()
    export = SpanExport(url, {}, {"service.name": "feature-api"}, told)
    sending = asyncio.create_task(export.run())
    for _ in range(SENT + 1):
        await asyncio.sleep(PAUSE / 2)  # it waits for the next second
        for span in spans:
            export.put(span)
        told.sent.clear()
        started = time.process_time()
        await asyncio.wait_for(told.sent.wait(), 30)
        found.append((time.process_time() - started) / len(spans) * 1e6)
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending
    return found[1:]


@asynccontextmanager
async def _started(settings: Settings, sink: Sink) -> AsyncIterator[ASGIApp]:
    """What it traces goes to the sink."""
    wiring = Wiring(settings)
    if wiring.observing.recorder is not None:
        wiring.observing.recorder = Recorder(sink)
    app = create_app(wiring)
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    running = asyncio.ensure_future(app({"type": "lifespan", "state": {}}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    await from_app.get()
    yield app
    await to_app.put({"type": "lifespan.shutdown"})
    await from_app.get()
    await running


async def _ask(app: ASGIApp, token: str, requests: int) -> None:
    """One after the other, as a server's protocol would hand them over."""
    content = orjson.dumps({"query": QUERY})
    headers = [
        (b"host", b"localhost"),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(content)),
        (b"authorization", f"Bearer {token}".encode()),
    ]
    body: Message = {"type": "http.request", "body": content, "more_body": False}

    async def receive() -> Message:
        return body

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"it answers {message['status']}")

    for _ in range(requests):
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/graphql",
            "raw_path": b"/graphql",
            "query_string": b"",
            "root_path": "",
            "headers": list(headers),
            "client": (HOST, 50_000),
            "server": (HOST, 8_000),
            "state": {},
        }
        await app(scope, receive, send)


def _report(found: Found, ratio: float) -> bool:
    """Prints the verdict; whether the ratio is within the budget. "More" is the median of what lay between two blocks
    that were asked one after the other."""
    plain, more = found.blocks[PLAIN], {}
    table = Table("", "median µs", "least µs", "more", title="CPU of the smallest request")
    for name, times in found.blocks.items():
        more[name] = statistics.median(time - before for time, before in zip(times, plain, strict=True))
        table.add_row(name, f"{statistics.median(times):.1f}", f"{min(times):.1f}", f"{more[name]:+.1f}")
    each, spans = statistics.median(found.sent), found.spans / found.requests
    table.add_row(f"sending {spans:.2f} spans, {each:.1f} each", "", "", f"{each * spans:+.1f}")
    people.print(table)
    whole = more[SAMPLED] + each * spans
    part = whole / statistics.median(plain)
    people.print(f"ratio {ratio}: {whole:+.1f} µs, {part:.1%}; {whole / ratio:.0f} µs for each that is sampled")
    return part <= BUDGET


if __name__ == "__main__":
    main()
