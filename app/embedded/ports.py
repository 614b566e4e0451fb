"""Ports of 127.0.0.1: finds a free one, refuses one that is taken; it must not open one to the network."""

import errno
import socket
from collections.abc import Callable
from contextlib import closing

from app.embedded.errors import EmbeddedError, PortTakenError

HOST = "127.0.0.1"
_ATTEMPTS = 5


def refuse_taken(port: int) -> None:
    """Raises PortTakenError when another program listens on the port: a clearer word than the server's log."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        # As the servers do it: connections that linger in TIME_WAIT are no obstacle, a listener is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise taken(port) from error
            raise EmbeddedError(
                f"Port {port} cannot be used ({error.strerror}): choose one from 1024 to 65535."
            ) from error
        except OverflowError as error:
            raise EmbeddedError(f"Port {port} does not exist: choose one from 1024 to 65535.") from error


def taken(port: int) -> PortTakenError:
    return PortTakenError(
        f"Port {port} of {HOST} is taken by another program: stop that program, or choose another port."
    )


def launch_on_free_port(launch: Callable[[int], None]) -> int:
    """Launches on a free port and returns it; takes another one when a third program was faster, five times at most."""
    for _ in range(_ATTEMPTS - 1):
        port = free_port()
        try:
            launch(port)
        except PortTakenError:
            continue
        return port
    port = free_port()
    launch(port)
    return port


def free_port() -> int:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
