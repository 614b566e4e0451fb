"""Cases on worlds in memory: rows and batches that break what the schema promises, as no database would let them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.differential.compare import Case, Stand
from tests.differential.data import World
from tests.differential.generate import FRAIL
from tests.differential.ports import context_of

DAMAGE = (0.0, 0.01, 0.03, 0.1)


class Memory:
    def __init__(self, mutations: float = 0.25, liked: frozenset[str] = FRAIL) -> None:
        self.mutations, self.liked = mutations, liked

    def rows(self, seed: int) -> World:
        return World(seed, DAMAGE[seed % len(DAMAGE)])

    @asynccontextmanager
    async def stand(self, case: Case) -> AsyncIterator[Stand]:
        world = self.rows(case.seed)
        yield Stand(context_of(world, case.actor), world.calls, world.written)
