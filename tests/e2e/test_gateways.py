"""Our nginx, HAProxy and Kong: nothing is done twice, and what is for operators stays with them (R66)."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from app.main import ROUTES
from tests.fixtures.embedded import soon
from tests.fixtures.gateways import GATEWAY, PORTS, HAProxy, Nginx, needed, running
from tests.fixtures.server import PLAIN

REQUEST = {"query": "{ viewer { name } }"}


@contextmanager
def that_hang_up() -> Iterator[tuple[list[int], list[bytes]]]:
    """Three servers that read a request and end the connection: what was done with it nobody knows."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    seen: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                request = peer.recv(65_536)
                if b"/health/ready" in request:
                    peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                elif request:
                    seen.append(request.split(b" ")[0])

    threads = [threading.Thread(target=serve, args=(listener,)) for listener in listeners]
    for thread in threads:
        thread.start()
    try:
        yield [listener.getsockname()[1] for listener in listeners], seen
    finally:
        for listener, thread in zip(listeners, threads, strict=True):
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join()


@pytest.mark.parametrize("kind", [Nginx, HAProxy])
def test_post_that_was_sent_is_not_sent_again(kind: type[Nginx | HAProxy], tmp_path: Path) -> None:
    needed(kind.__name__.lower())
    with that_hang_up() as (ports, seen), running(kind(tmp_path / "gateway", ports)) as gateway:
        if isinstance(gateway, HAProxy):
            assert soon(lambda: list(gateway.up().values()) == [True] * 3)
        assert httpx.post(f"{gateway.url}/graphql", json=REQUEST, timeout=60, verify=PLAIN).status_code == 502
        assert seen == [b"POST"]


@pytest.mark.parametrize("kind", [Nginx, HAProxy])
def test_what_is_for_operators_is_not_for_the_public(kind: type[Nginx | HAProxy], tmp_path: Path) -> None:
    needed(kind.__name__.lower())
    with that_hang_up() as (ports, seen), running(kind(tmp_path / "gateway", ports)) as gateway:
        for path in ("/metrics", "/health", "/health/ready"):
            assert httpx.get(gateway.url + path, timeout=60, verify=PLAIN).status_code == 404
        assert seen == []


def test_kong_sends_what_is_public_to_servers_that_are_ready() -> None:
    found: dict[str, Any] = yaml.safe_load((GATEWAY / "kong.yml").read_text())
    assert set(found) == {"_format_version", "upstreams", "services"}
    (upstream,), (service,) = found["upstreams"], found["services"]
    assert service["host"] == upstream["name"]
    assert [target["target"] for target in upstream["targets"]] == [f"127.0.0.1:{port}" for port in PORTS]
    active = upstream["healthchecks"]["active"]
    assert active["http_path"] == "/health/ready" and active["http_path"] in ROUTES
    (route,) = service["routes"]
    assert route["strip_path"] is False
    public = {path for path in ROUTES if any(path.startswith(one) for one in route["paths"])}
    assert {path for path in ROUTES - public if path.split("/")[1] not in ("metrics", "health")} == set()
    assert not any(path.startswith(("/metrics", "/health")) for path in public)
