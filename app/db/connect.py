"""How a connection is made: in bounded time, as a session that says who it is and for how long it may take."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from app.db import jsonb
from app.db.hosts import Connection, Hosts

type Check = Callable[[Connection], Awaitable[None]]  # raises where it is not to be used


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Times in seconds."""

    url: str = field(repr=False)
    role: str = "feature_api_app"  # "": as the URL's user (PgBouncer refuses the parameter)
    size: int = 16
    connect_timeout: float = 5.0
    acquire_timeout: float = 5.0
    statement_timeout: float = 10.0
    prepare: bool = True  # False behind PgBouncer in transaction mode
    breaker_pause: float = 2.0


async def connect(hosts: Hosts, settings: PoolSettings, check: Check | None = None) -> Connection:
    """`check` comes last, and nothing is waited for after it."""

    async def enter(connection: Connection) -> None:
        await jsonb.as_text(connection)
        if check is not None:
            await check(connection)

    return await hosts.connect(
        settings.connect_timeout,
        enter,
        command_timeout=settings.statement_timeout + 1,  # the server's own limit comes first; this one is for silence
        statement_cache_size=0,
        server_settings=_session(settings),
    )


def _session(settings: PoolSettings) -> dict[str, str]:
    milliseconds = str(int(settings.statement_timeout * 1000))
    session = {
        "application_name": "feature-api",
        "timezone": "UTC",
        "statement_timeout": milliseconds,
        "lock_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
    }
    return {**session, "role": settings.role} if settings.role else session
