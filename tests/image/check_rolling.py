"""Servers that are replaced one by one, under load, behind nginx and HAProxy: nobody notices (R65)."""

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx

from tests.fixtures.embedded import soon
from tests.fixtures.gateways import HAProxy, Nginx, needed, running
from tests.fixtures.production import PLAIN, Production
from tests.fixtures.server import ROOT, free_port, wait_until_ready

REQUEST = {"query": "{ viewer { name } }"}
ANSWER = {"data": {"viewer": None}}


def started(production: Production, port: int) -> "subprocess.Popen[str]":
    environment = {
        **production.environment,
        "PORT": str(port),
        "SHUTDOWN_DELAY": "60",
        "TRUSTED_PROXIES": "127.0.0.1/32",
    }
    command = [sys.executable, "-m", "app", "serve"]
    return subprocess.Popen(command, env=environment, cwd=ROOT, text=True, stderr=subprocess.DEVNULL)


class Load:
    """POSTs without end, each on a connection of its own; what went wrong is in `failures`."""

    def __init__(self, url: str) -> None:
        self._url, self._over = f"{url}/graphql", threading.Event()
        self.answers, self.failures = 0, list[str]()

    def run(self) -> None:
        while not self._over.is_set():
            try:
                found = httpx.post(self._url, json=REQUEST, timeout=30, verify=PLAIN)
                if (found.status_code, found.json()) != (200, ANSWER):
                    self.failures.append(found.text)
            except httpx.HTTPError as error:
                self.failures.append(repr(error))
            self.answers += 1

    def stop(self) -> None:
        self._over.set()


def test_rolling_restart_of_three_servers_fails_no_request(production: Production, tmp_path: Path) -> None:
    needed("nginx")
    needed("haproxy")
    tmp_path.chmod(0o755)
    ports = [free_port() for _ in range(3)]
    servers = {port: started(production, port) for port in ports}

    def end() -> None:
        for server in servers.values():
            server.kill()
            server.wait(30)

    def roll(port: int) -> None:
        nginx.take_out(port)
        servers[port].send_signal(signal.SIGTERM)
        assert soon(lambda: not haproxy.up()[port])
        servers[port].send_signal(signal.SIGTERM)  # the gateways know: no need to wait for the delay's end
        servers[port].wait(30)
        servers[port] = started(production, port)
        wait_until_ready(f"http://127.0.0.1:{port}", servers[port])
        assert soon(lambda: haproxy.up()[port])
        nginx.take_out(None)

    with ExitStack() as stack:
        stack.callback(end)
        for port in ports:
            wait_until_ready(f"http://127.0.0.1:{port}", servers[port])
        nginx = stack.enter_context(running(Nginx(tmp_path / "nginx", ports)))
        haproxy = stack.enter_context(running(HAProxy(tmp_path / "haproxy", ports)))
        assert soon(lambda: list(haproxy.up().values()) == [True] * 3)
        loads = [Load(nginx.url), Load(haproxy.url)]
        threads = stack.enter_context(ThreadPoolExecutor(4))
        for load in loads:
            stack.callback(load.stop)
        for load in loads * 2:
            threads.submit(load.run)
        for port in ports:
            roll(port)
    assert [load.failures for load in loads] == [[], []]
    assert min(load.answers for load in loads) > 50
