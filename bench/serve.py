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
from bench.contenders import OURS, BenchError, Contender
from bench.machine import on_core
from bench.stage import Stage
from bench.workloads import W1, Ids, Workload, bodies

READY_SECONDS = 60
ZEROS = b"0" * 9


@dataclass(frozen=True)
class Running:
    contender: Contender
    stage: Stage
    pid: int
    url: str
    token: str
    ids: Ids

    def bodies(self, workload: Workload, run: str) -> list[bytes]:
        return bodies(workload, self.contender.text(workload), self.ids, run)

    def ask(self, client: httpx.Client, body: bytes) -> dict[str, Any]:
        """The answer's data. Raises BenchError where there is an error in it."""
        headers = {"content-type": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        response = client.post(self.url, content=body.replace(b"@" * 9, ZEROS), headers=headers)
        answer = orjson.loads(response.content)
        if response.status_code != 200 or "errors" in answer or not answer.get("data"):
            raise BenchError(f"{self.contender.title} answers {response.status_code}: {response.text[:500]}")
        data: dict[str, Any] = answer["data"]
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
        url = f"http://{HOST}:{port}/graphql"
        running = Running(contender, stage, process.pid, url, contender.token(stage), contender.ids(stage))
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
    body = running.bodies(W1, "")[0]
    with httpx.Client(timeout=READY_SECONDS) as client:
        while True:
            try:
                running.ask(client, body)
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
