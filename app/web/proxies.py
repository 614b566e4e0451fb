"""The caller's true address and scheme where trusted proxies stand in front; what anybody else claims is not read."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

HOPS = 20  # proxies that one request may have come through
LONGEST = 64  # characters of an address with its port

type Network = IPv4Network | IPv6Network


class TrustedProxies:
    """A middleware. Of X-Forwarded-For, to which each proxy adds whom it saw, the last address counts that is no
    trusted proxy's; where that is none, the peer itself. Forwarded (RFC 7239) is not read: proxies that do not write it
    hand on what the caller made up."""

    def __init__(self, app: ASGIApp, networks: Sequence[Network]) -> None:
        self._app = app
        self._trusts = lru_cache(4_096)(lambda address: any(address in network for network in networks))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" and scope.get("client"):
            peer = _address(scope["client"][0])
            if peer is not None and self._trusts(peer):
                self._read(scope)
        await self._app(scope, receive, send)

    def _read(self, scope: Scope) -> None:
        hops: list[bytes] = []
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                hops += value.split(b",")
            elif name == b"x-forwarded-proto":
                scheme = value.rpartition(b",")[2].strip().lower()
                if scheme in (b"http", b"https"):
                    scope["scheme"] = scheme.decode()
        for hop in reversed(hops[-HOPS:]):
            address = _address(_without_port(hop.decode("latin-1").strip()))
            if address is None:
                return
            scope["client"] = (str(address), 0)
            if not self._trusts(address):
                return


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0]) if len(text) <= LONGEST else None
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
