"""What is sent to Redis is what redis-py would send, whatever stands in it, by each kind of connection."""

from typing import Any

import pytest
from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import DataError

from app.adapters.redis_away import redis_at

COMMANDS: list[tuple[object, ...]] = [
    ("PING",),
    ("XINFO STREAM", "key"),
    ("SET", "é\r\n", b"\x00\xff\r\n$3", 7, -1, 1.5, 10**18, ""),
    ("XADD", "stream", "MAXLEN", "~", 10, "*", "data", b"{" + b"x" * 10_000 + b"}"),
    (b"CONFIG GET", "a"),
]
KINDS = {"redis://h": Connection, "rediss://h": SSLConnection, "unix:///s": UnixDomainSocketConnection}


def connection(url: str) -> Any:
    pool: Any = redis_at(url, 1.0).connection_pool  # redis-py's own has no types here
    return pool.make_connection()


@pytest.mark.parametrize("url", KINDS)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command[0]))
def test_bytes_are_those_of_redis_py(url: str, command: tuple[object, ...]) -> None:
    ours = connection(url)
    assert type(ours).__mro__[2] is KINDS[url]
    theirs: Any = Connection()
    assert b"".join(ours.pack_command(*command)) == b"".join(theirs.pack_command(*command))
    assert len(ours.pack_command(*command)) == 1


def test_what_no_command_holds_is_refused() -> None:
    with pytest.raises(DataError):
        connection("redis://h").pack_command("SET", "key", None)
