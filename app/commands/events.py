"""`feature-api events`: what waits and who reads, and telling again what a Redis lost."""

from datetime import datetime

from app.adapters.event_stream import EventStream
from app.config.settings import Settings
from app.db.outbox import SqlOutbox
from app.db.outbox_again import tell_again
from app.jobs.outbox import COUNTED
from app.kernel.errors import Unavailable
from app.parts import owner_database, redis_of


async def fetch_state(settings: Settings) -> list[str]:
    """A line for the outbox, the stream and each group. Raises Unavailable where there is no database."""
    async with owner_database(settings) as database:
        waiting = await SqlOutbox(database).fetch_waiting(COUNTED)
    count = f"{COUNTED} or more" if waiting.events == COUNTED else str(waiting.events)
    since = "" if waiting.since is None else f", the first since {waiting.since:%FT%TZ}"
    return [f"outbox: {count} events wait{since}", *await _stream(settings)]


async def _stream(settings: Settings) -> list[str]:
    redis = redis_of(settings)
    try:
        events, groups = await EventStream(redis, settings.event_stream, settings.event_stream_length).fetch_readers()
    except Unavailable as error:
        return [error.message]
    finally:
        await redis.aclose()
    lines = [f"group {group.name}: {_behind(group.behind)}, {group.unacknowledged} unacknowledged" for group in groups]
    return [f"stream {settings.event_stream}: {events} events", *lines]


def _behind(events: int | None) -> str:
    return "nobody knows how far behind" if events is None else f"{events} behind"


async def replay(settings: Settings, since: datetime) -> int:
    """How many events were put into the outbox again. Raises Unavailable."""
    async with owner_database(settings) as database:
        return await tell_again(database, since)
