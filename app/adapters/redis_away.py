"""Redis as what is useful and never needed: bounded connections, bounded waits, and what is raised while it is away."""

from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import HiredisRespSerializer
from redis.exceptions import RedisError

CONNECTIONS = 16  # at most; who comes when all are taken waits for one

# TimeoutError is an OSError. uvloop raises RuntimeError where it is told to write to a connection that was reset a
# moment ago, and redis-py hands that on.
AWAY = (RedisError, OSError, RuntimeError)


def redis_at(url: str, timeout: float, client: type[Redis] = Redis) -> Redis:
    """`timeout` in seconds bounds each step of a call: taking a connection, making one, the answer. redis-py's own
    retries would make ten times that of it; one is for a connection that ended while nobody used it."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=timeout,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 1),
    )
    # By the class of the address: TCP, TLS or a socket in the file system.
    pool.connection_class = type("Packed", (_Packed, pool.connection_class), {})
    return client.from_pool(pool)


class _Packed:
    """Commands are written by hiredis, as redis-py's other client has it: in Python that is two thirds of what an event
    costs on its way to a stream."""

    _pack: Any = HiredisRespSerializer().pack  # it has no types

    def pack_command(self, *args: object) -> list[bytes]:
        packed: list[bytes] = self._pack(*args)
        return packed
