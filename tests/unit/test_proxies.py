"""Whom the server believes about who asks (R26): trusted proxies, from the right, and nobody else."""

from ipaddress import ip_network
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from app.web.proxies import HOPS, TrustedProxies
from tests.fixtures.buckets import at_once

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
PROXY, CLIENT = "10.1.2.3", "192.0.2.7"


def seen(peer: str | None, *headers: tuple[str, str]) -> tuple[str | None, str]:
    """(client, scheme) as the application finds them."""
    found: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(scope)

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": "http", "client": peer and (peer, 1234), "scheme": "http", "headers": raw}
    at_once(TrustedProxies(app, TRUSTED)(scope, nothing, nothing))
    client = found[0]["client"]
    return client and client[0], found[0]["scheme"]


def forwarded(*values: str) -> list[tuple[str, str]]:
    return [("X-Forwarded-For", value) for value in values]


@pytest.mark.parametrize(
    ("values", "client"),
    [
        ([CLIENT], CLIENT),
        ([f"1.1.1.1, {CLIENT}"], CLIENT),  # what the caller made up stands to the left
        (["1.1.1.1", CLIENT], CLIENT),
        ([f"1.1.1.1, {CLIENT}, 10.9.9.9"], CLIENT),
        ([f"{CLIENT},10.9.9.9", "fd00::9"], CLIENT),
        (["10.9.9.9, 10.8.8.8"], "10.9.9.9"),  # a caller from inside
        ([f"{CLIENT}:4711"], CLIENT),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["[2001:db8::7]"], "2001:db8::7"),
        (["2001:db8::7"], "2001:db8::7"),
        (["fe80::7%eth0"], "fe80::7"),
        ([f"::ffff:{CLIENT}"], CLIENT),
        ([""], PROXY),
        (["unknown"], PROXY),
        ([f"{CLIENT}, garbage"], PROXY),
        ([f"{CLIENT}, 10.9.9.9, garbage, 10.8.8.8"], "10.8.8.8"),
        (["999.1.1.1"], PROXY),
        (["192.0.2.7" + " " * 5000 + "x"], PROXY),
        (["é"], PROXY),
        ([], PROXY),
    ],
)
def test_the_last_address_that_is_no_trusted_proxys_is_the_client(values: list[str], client: str) -> None:
    assert seen(PROXY, *forwarded(*values))[0] == client


@pytest.mark.parametrize("peer", ["192.0.2.9", "2001:db8::9", "testclient", ""])
def test_who_is_no_trusted_proxy_is_not_believed(peer: str) -> None:
    headers = (*forwarded("10.0.0.1", CLIENT), ("X-Forwarded-Proto", "https"))
    assert seen(peer, *headers) == (peer, "http")


def test_a_peer_without_an_address_is_not_believed() -> None:
    assert seen(None, *forwarded(CLIENT)) == (None, "http")


def test_a_proxy_that_comes_over_ipv6_with_an_ipv4_address_is_the_same() -> None:
    assert seen(f"::ffff:{PROXY}", *forwarded(CLIENT))[0] == CLIENT


@pytest.mark.parametrize(
    ("value", "scheme"),
    [("https", "https"), ("HTTPS", "https"), ("http, https", "https"), ("https, http", "http"), ("ws", "http")],
)
def test_the_nearest_proxy_tells_the_scheme(value: str, scheme: str) -> None:
    assert seen(PROXY, ("X-Forwarded-Proto", value))[1] == scheme


def test_forwarded_is_not_read() -> None:
    assert seen(PROXY, ("Forwarded", f"for={CLIENT};proto=https")) == (PROXY, "http")


def test_no_more_proxies_are_walked_through_than_anybody_has() -> None:
    chain = ", ".join([CLIENT, *("10.0.0.1" for _ in range(HOPS))])
    assert seen(PROXY, *forwarded(chain))[0] == "10.0.0.1"
