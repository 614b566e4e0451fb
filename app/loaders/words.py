"""How a batch is named: by the service method that loads it, checked against the request's context."""

from collections.abc import Callable

from app.context import RequestContext
from app.engine.batch import Batch, BatchFor, Load, LoadFor


def batch[K, T](method: Callable[[RequestContext], Load[K, T]]) -> Batch[K, T]:
    return Batch(method)


def batch_for[K, R, T](method: Callable[[RequestContext], LoadFor[K, R, T]]) -> BatchFor[K, R, T]:
    return BatchFor(method)
