"""Who calls, as far as the network tells: what guests are told apart by."""

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

from starlette.types import Scope


def client_of(scope: Scope) -> str:
    """The address; of IPv6 the first 64 bits, since a single host has all the rest to itself."""
    client = scope.get("client")
    return _network(client[0]) if client else ""


@lru_cache(10_000)
def _network(host: str) -> str:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(IPv6Network((address, 64), strict=False))
    return str(address)
