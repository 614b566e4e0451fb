"""What a run has seen of one batch with one request, and what the edges of a level still want of it."""

from collections.abc import Hashable, Sequence
from typing import Any

from app.engine.batch import Batch, BatchFor, Context


class Batched:
    """Kept in the request's memo, which a write clears: what was loaded before a write is not given out after it."""

    def __init__(self, batch: Batch[Any, Any] | BatchFor[Any, Any, Any], request: Hashable | None) -> None:
        self._batch, self._request = batch, request
        self.seen: dict[Any, Any] = {None: None}  # an edge whose key is None leads nowhere
        self.missing: dict[Any, None] = {}  # keys, in order

    def want(self, keys: Sequence[Any]) -> bool:
        """Must something be loaded before all these keys are seen?"""
        wanted = [key for key in keys if key not in self.seen]
        self.missing.update(dict.fromkeys(wanted))
        return bool(wanted)

    async def load(self, context: Context) -> None:
        """One call for all that is missing; an exception stands for each key that could not be loaded."""
        keys, self.missing = list(self.missing), {}
        try:
            values = await self._batch.load(context, keys, self._request)
            self.seen.update(zip(keys, values, strict=True))
        except Exception as error:  # at each of these keys, and nowhere else
            self.seen.update(dict.fromkeys(keys, error))


def batched(batch: Batch[Any, Any] | BatchFor[Any, Any, Any], context: Context, request: Hashable | None) -> Batched:
    """The one of this batch and request since the last write."""
    found = context.memo.get((batch, request))
    if isinstance(found, Batched):
        return found
    made = context.memo[batch, request] = Batched(batch, request)
    return made
