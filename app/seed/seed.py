"""`feature-api seed`: loads the catalogue of the web platform's features; what exists is left alone."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from app.db.seed import Rows, load
from app.seed.catalogue import read_catalogue

CHUNK = 20  # copies in one transaction


@dataclass(frozen=True, slots=True)
class Seeded:
    """How many rows were not there before."""

    users: int
    features: int
    entries: int


async def seed(
    owner_url: str, catalogue: Path, scale: int = 1, progress: Callable[[int, int], None] | None = None
) -> Seeded:
    """Loads the catalogue `scale` times, each copy with owners of its own; `progress` hears (copies done, all copies).

    Safe to repeat and to take up again after a stop: features, users and names that are there are left as they are,
    and no history is added to them. A feature whose name its owner uses otherwise is left out, as is an active one
    for which the owner has no room. No events: imported history is nobody's news. The URL is the schema owner's.
    Raises ValueError for a scale below 1, CatalogueError, Unavailable.
    """
    if scale < 1:
        raise ValueError(f"The scale must be 1 or more: it is {scale}.")
    read = read_catalogue(catalogue)
    chunks = [range(first, min(first + CHUNK, scale)) for first in range(0, scale, CHUNK)]
    users = features = entries = 0
    async with aclosing(load(owner_url, Rows(read.users, read.features, read.entries), chunks)) as loaded:
        done = 0
        async for added in loaded:
            users, features, entries = users + added.users, features + added.features, entries + added.entries
            done = min(done + CHUNK, scale)
            if progress is not None:
                progress(done, scale)
    return Seeded(users, features, entries)
