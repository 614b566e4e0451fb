"""Batches: a service's read of many keys at once, and the one aiodataloader DataLoader each has per request."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Protocol

from aiodataloader import DataLoader

from app.kernel.around import Around

type Load[K, T] = Callable[[Sequence[K]], Awaitable[Sequence[T | None]]]
type LoadFor[K, R, T] = Callable[[Sequence[K], R], Awaitable[Sequence[T | None]]]


class Context(Protocol):
    """What the engine asks of a request's context."""

    @property
    def memo(self) -> dict[object, object]: ...
    @property
    def around(self) -> Around | None: ...


class Batch[K, T]:
    """A service's batch method: one value per key, in key order, None where missing or invisible.

    Edges that name the same Batch share what it has loaded for the request.
    """

    def __init__(self, method: Callable[[Any], Load[K, T]]) -> None:
        self.method = method

    def load(self, context: Context, keys: Sequence[K], request: object) -> Awaitable[Sequence[T | None]]:
        load = self.method(context)
        return load(keys) if context.around is None else context.around(_name(load), len(keys), load(keys))


class BatchFor[K, R, T]:
    """A batch method that also takes one request (a page, a filter) for all keys."""

    def __init__(self, method: Callable[[Any], LoadFor[K, R, T]]) -> None:
        self.method = method

    def load(self, context: Context, keys: Sequence[K], request: R) -> Awaitable[Sequence[T | None]]:
        load = self.method(context)
        if context.around is None:
            return load(keys, request)
        return context.around(_name(load), len(keys), load(keys, request))


def loader(
    batch: Batch[Any, Any] | BatchFor[Any, Any, Any], context: Context, request: Hashable | None
) -> DataLoader[Any, Any]:
    """One DataLoader per batch and request of this GraphQL request: all keys of a tick become one call."""
    found = context.memo.get((batch, request))
    if isinstance(found, DataLoader):
        return found

    async def load(keys: list[Any]) -> list[Any]:
        return list(await batch.load(context, keys, request))

    made = context.memo[batch, request] = DataLoader[Any, Any](load)
    return made


def _name(load: object) -> str:
    """The service's method."""
    return str(getattr(load, "__qualname__", "batch"))
