"""One contender as a process on its core, from its start until it is stopped, and a client for single questions."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from app.embedded.ports import HOST, free_port
from bench.contenders import OURS, UNLEASH, BenchError, Contender
from bench.machine import on_core
from bench.request import Request
from bench.stage import Stage
from bench.workloads import W1, Ids, Workload, requests

READY_SECONDS = 60


@dataclass(frozen=True)
class Running:
    contender: Contender
    stage: Stage
    pid: int
    url: str
    authorization: str
    ids: Ids

    def requests(self, workload: Workload, run: str) -> list[Request]:
        return requests(workload, self.contender.text(workload), self.ids, run, self.authorization)

    def ask(self, client: httpx.Client, request: Request) -> Any:
        """The answer's data, or all of it where it has none. Raises BenchError where there is an error in it."""
        headers = {"content-type": "application/json"} if request.body else {}
        if request.authorization:
            headers["authorization"] = request.authorization
        response = client.request(
            request.method, self.url + request.path, content=request.numbered(0).body or None, headers=headers
        )
        answer = orjson.loads(response.content) if response.status_code in (200, 201) else {}
        data = None if "errors" in answer else answer.get("data", answer)
        if not data:
            raise BenchError(f"{self.contender.title} answers {response.status_code}: {response.text[:500]}")
        return data


@contextmanager
def serving(contender: Contender, stage: Stage) -> Iterator[Running]:
    """Raises BenchError where it does not get ready."""
    port = free_port()
    # Ours logs each request, as shipped, to where it costs no disk; what a peer says is kept for its complaint.
    log = stage.folder / f"{contender.name}.log"
    target = subprocess.DEVNULL if contender is OURS else log.open("wb")
    process = subprocess.Popen(
        on_core(stage.cores.server, contender.command()),
        cwd=str(contender.folder) if contender.on_node else None,
        env=contender.environment(stage, port),
        stdin=subprocess.DEVNULL,
        stdout=target,
        stderr=target,
        start_new_session=True,  # Ctrl-C reaches us only, who then stop it
    )
    try:
        url = f"http://{HOST}:{port}"
        running = Running(contender, stage, process.pid, url, contender.authorization(stage), contender.ids(stage))
        _wait(running, process)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if not isinstance(target, int):
            target.close()


def _wait(running: Running, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    asked = Request("GET", "/health") if running.contender is UNLEASH else running.requests(W1, "")[0]
    with httpx.Client(timeout=READY_SECONDS) as client:
        while True:
            try:
                running.ask(client, asked)
            except httpx.TransportError:
                log = running.stage.folder / f"{running.contender.name}.log"
                words = log.read_text("utf-8", "replace")[-500:].strip() if log.exists() else "its log is not kept"
                if process.poll() is not None:
                    raise BenchError(f"{running.contender.title} ended at once: {words}") from None
                if time.monotonic() > deadline:
                    raise BenchError(f"{running.contender.title} was not ready in time: {words}") from None
                time.sleep(0.05)
            else:
                return
