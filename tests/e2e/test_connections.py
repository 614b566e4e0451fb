"""Peers that send too much, too slowly, or too often, and those that never listen: each is cut off, the others are
served (R28). The events are waited for; the times are the server's, set short where they are what is proved."""

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import orjson
import pytest
from graphql import get_introspection_query

from tests.fixtures.production import PLAIN, Production, Serving, rest_of
from tests.fixtures.waiting import soon

GET = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = b'{"query":"{ __typename }"}'


TIMES = ("HEADER_TIMEOUT", "BODY_TIMEOUT", "WRITE_TIMEOUT", "KEEP_ALIVE_TIMEOUT")
SIZES = {"MAX_CONNECTIONS": "8", "MAX_HEADERS": "20", "MAX_HEADER_BYTES": "2000", "MAX_QUERY_BYTES": "1000"}


@pytest.fixture(scope="module")
def server(production: Production) -> Iterator[Serving]:
    """Patient, so that nobody is sent away for what a busy machine takes."""
    with production.serving(**SIZES, **dict.fromkeys(TIMES, "60")) as serving:
        yield serving


@pytest.fixture(scope="module")
def hasty(production: Production) -> Iterator[Serving]:
    with production.serving(**SIZES, **dict.fromkeys(TIMES, "0.5") | {"KEEP_ALIVE_TIMEOUT": "1"}) as serving:
        yield serving


@pytest.fixture(autouse=True)
def _others_are_served(server: Serving, hasty: Serving) -> Iterator[None]:
    yield
    soon(lambda: is_served(server) and is_served(hasty))


def is_served(server: Serving) -> bool:
    """Not yet, where those who left are counted still."""
    try:
        answer = server.ask("{ __typename }")
    except httpx.TransportError:
        return False
    return bool(answer.json() == {"data": {"__typename": "Query"}})


def told(answer: bytes) -> tuple[int, str]:
    """(status, code), of an answer that ends the connection and is protected like any other."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert b"connection: close" in lines and b"x-content-type-options: nosniff" in lines
    assert b"content-length: %d" % len(body) in lines
    [error] = orjson.loads(body)["errors"]
    return int(head.split(b" ")[1]), error["extensions"]["code"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        GET + b"".join(b"x-%d: y\r\n" % n for n in range(20)) + b"\r\n",
        GET + b"x: " + b"y" * 3_000 + b"\r\n\r\n",
        GET + b"x" * 3_000 + b": y\r\n\r\n",
        b"GET /" + b"y" * 3_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        POST + b"Content-Length: 26\r\nx: " + b"y" * 3_000 + b"\r\n\r\n" + BODY,
        GET + b"\r\n" + GET + b"x: " + b"y" * 3_000 + b"\r\n\r\n",
    ],
    ids=["many", "long value", "long name", "long path", "before a body", "in the second request"],
)
def test_head_that_is_too_large_is_refused(server: Serving, request_bytes: bytes) -> None:
    with server.connect() as peer:
        first, second = request_bytes.partition(GET)[0:2], b""
        if request_bytes.count(GET) == 2:
            peer.sendall(GET + b"\r\n")
            assert peer.recv(65_536).startswith(b"HTTP/1.1 200 OK")
            second = request_bytes[len(GET) + 2 :]
        peer.sendall(second or request_bytes)
        assert first and told(rest_of(peer)) == (431, "HEADERS_TOO_LARGE")


def test_head_that_never_ends_is_refused_as_soon_as_it_is_too_large(server: Serving) -> None:
    assert told(server.raw(GET + b"x: " + b"y" * 5_000)) == (431, "HEADERS_TOO_LARGE")


def test_largest_head_that_is_allowed_is_taken(server: Serving) -> None:
    headers = b"".join(b"x-%02d: y\r\n" % n for n in range(18)) + b"Connection: close\r\n\r\n"
    assert server.raw(GET + headers).startswith(b"HTTP/1.1 200 OK")
    room = 3_000 - len(b"/health/live") - sum(len(name) + 4 for name in (b"Hostx", b"Connectionclose", b"y"))
    assert server.raw(GET + b"y: " + b"z" * room + b"\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200 OK")
    answer = server.raw(GET + b"y: " + b"z" * (room + 1) + b"\r\nConnection: close\r\n\r\n")
    assert told(answer) == (431, "HEADERS_TOO_LARGE")


@pytest.mark.parametrize("start", [b"G", GET, GET + b"x: y"])
def test_head_that_does_not_arrive_is_waited_for_no_longer_than_said(hasty: Serving, start: bytes) -> None:
    assert told(hasty.raw(start)) == (408, "REQUEST_TIMEOUT")


def test_head_that_drips_is_waited_for_no_longer_either(hasty: Serving) -> None:
    with hasty.connect() as peer:
        peer.sendall(GET + b"x: ")
        peer.settimeout(0.05)
        answer, sent = b"", 0
        while not answer:
            try:
                peer.sendall(b"y")
                sent += 1
                answer = peer.recv(65_536)
            except TimeoutError:
                assert sent < 1_500  # fewer than the bytes that a head may have
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_peer_that_says_nothing_is_sent_away_without_a_word(hasty: Serving) -> None:
    assert hasty.raw(b"") == b""


@pytest.mark.parametrize(
    "start", [POST + b"Content-Length: 26\r\n\r\n{", POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"]
)
def test_body_that_does_not_arrive_is_waited_for_no_longer_than_said(hasty: Serving, start: bytes) -> None:
    assert told(hasty.raw(start)) == (408, "REQUEST_TIMEOUT")


def test_body_that_is_refused_by_its_length_is_not_waited_for(server: Serving) -> None:
    answer = server.raw(POST + b"Connection: close\r\nContent-Length: 99999999\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_connection_that_is_kept_for_nothing_is_ended(hasty: Serving) -> None:
    answer = hasty.raw(GET + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK") and answer.endswith(b'{"status":"ok"}')


def test_request_in_two_parts_is_served(server: Serving) -> None:
    with server.connect() as peer:
        for part in (POST[:30], POST[30:] + b"Content-Length: 26\r\nConnection: close\r\n\r\n" + BODY[:5], BODY[5:]):
            peer.sendall(part)
        assert rest_of(peer).endswith(b'{"data":{"__typename":"Query"}}')


def test_peer_that_does_not_read_is_cut_off(hasty: Serving) -> None:
    ask = orjson.dumps({"query": get_introspection_query()})
    token = hasty.production.token("admin").encode()
    request = POST + b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n" % (token, len(ask)) + ask
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        peer.settimeout(20)
        host, _, port = hasty.url.removeprefix("http://").partition(":")
        peer.connect((host, int(port)))
        peer.sendall(request * 60)  # some ten million bytes of answers
        assert cut_off(peer)


def cut_off(peer: socket.socket) -> bool:
    """Waits for the connection to be reset, without reading of it."""
    poll = select.poll()
    poll.register(peer, 0)
    return bool(poll.poll(20_000))


def test_peer_that_asks_far_ahead_of_the_answers_is_sent_away(server: Serving) -> None:
    with server.connect() as peer:
        peer.sendall((GET + b"\r\n") * 1_000)
        assert rest_of(peer).count(b"HTTP/1.1 200 OK") < 1_000


def test_more_connections_than_there_may_be_are_told_to_wait(server: Serving) -> None:
    with ExitStack() as stack:
        peers = [stack.enter_context(server.connect()) for _ in range(9)]
        for peer in peers[:8]:
            peer.sendall(GET + b"\r\n")
            assert peer.recv(65_536).startswith(b"HTTP/1.1 200 OK")
        peers[8].sendall(GET + b"\r\n")
        refusal = rest_of(peers[8])
        assert told(refusal) == (503, "UNAVAILABLE") and b"retry-after: 5\r\n" in refusal.lower()


def test_twice_as_many_are_not_heard_at_all(server: Serving) -> None:
    with ExitStack() as stack:
        peers = [stack.enter_context(server.connect()) for _ in range(16)]
        for peer in peers:
            peer.sendall(b"GET")
        last = stack.enter_context(server.connect())
        with suppress(ConnectionResetError, BrokenPipeError):
            last.sendall(GET + b"\r\n")  # whoever is heard is told 503; who says nothing would not be answered either
            assert rest_of(last) == b""


def test_what_is_no_http_is_refused_in_our_form(server: Serving) -> None:
    for nonsense in (b"\x16\x03\x01\x00\xa5\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\r\nbad header\r\n\r\n"):
        assert told(server.raw(nonsense)) == (400, "BAD_REQUEST")


def test_two_requests_at_once_are_answered_in_order(server: Serving) -> None:
    close = b"Connection: close\r\n"
    answer = server.raw(GET + b"\r\n" + POST + close + b"Content-Length: 26\r\n\r\n" + BODY)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.index(b'{"status":"ok"}') < answer.index(b'{"data":{"__typename":"Query"}}')


def test_client_that_keeps_its_connection_is_served_on(server: Serving) -> None:
    with httpx.Client(verify=PLAIN) as client:
        for _ in range(3):
            assert client.get(f"{server.url}/health/live").status_code == 200
