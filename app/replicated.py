"""Reading from replicas, where there are any: what watches them, and the database of a request that only reads."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from redis.asyncio import Redis

from app.adapters.positions import Positions
from app.config.settings import Settings
from app.db.database import Database
from app.db.reads import Choice, ReadingDatabase
from app.db.replicas import Replicas
from app.db.row_security import RowSecurity
from app.kernel.actor import Actor
from app.kernel.ids import UserId
from app.kernel.position import Since
from app.parts import pool_settings

type Reads = Callable[[UserId | None], Database]


class Replicated:
    def __init__(self, settings: Settings, walls: RowSecurity, redis: Redis) -> None:
        given = pool_settings(settings)
        each = [replace(given, url=url) for url in settings.replica_urls]
        self.replicas = Replicas(walls, each, settings.database_replica_max_lag)
        self.positions = Positions(redis, self.replicas.fetch_position, settings.database_replica_max_lag)

    def reads(self, actor: Actor, since: Since) -> Reads:
        """The database of a request that only reads, as far as a user's rows; None: as far as anybody's. `since`: what
        its caller has seen."""
        return partial(ReadingDatabase, Choice(self.replicas, partial(self.positions.wanted, actor.user_id, since)))

    async def answer(self) -> bool:
        """All of them, and none is too far behind."""
        return self.replicas.are_usable()


def replicated_of(settings: Settings, walls: RowSecurity, redis: Redis) -> Replicated | None:
    return Replicated(settings, walls, redis) if settings.replica_urls else None
