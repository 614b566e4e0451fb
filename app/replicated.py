"""Reading from replicas, where there are any: what watches them, and the stores of a request that only reads."""

from dataclasses import replace
from functools import partial

from redis.asyncio import Redis

from app.adapters.positions import Positions
from app.config.settings import Settings
from app.db.database import Database
from app.db.reads import ReadingDatabase
from app.db.replicas import Replicas
from app.db.stores import Stores, reading_from
from app.kernel.actor import Actor
from app.kernel.position import Since
from app.parts import pool_settings


class Replicated:
    def __init__(self, settings: Settings, primary: Database, redis: Redis) -> None:
        given = pool_settings(settings)
        each = [replace(given, url=url) for url in settings.replica_urls]
        self.replicas = Replicas(primary, each, settings.database_replica_max_lag)
        self.positions = Positions(redis, self.replicas.fetch_position, settings.database_replica_max_lag)

    def stores_of(self, stores: Stores, actor: Actor, since: Since) -> Stores:
        """Of a request that only reads. `since`: what its caller has seen."""
        return reading_from(
            ReadingDatabase(self.replicas, partial(self.positions.wanted, actor.user_id, since)), stores
        )

    async def answer(self) -> bool:
        """All of them, and none is too far behind."""
        return self.replicas.are_usable()


def replicated_of(settings: Settings, primary: Database, redis: Redis) -> Replicated | None:
    return Replicated(settings, primary, redis) if settings.replica_urls else None
