"""What a write becomes in its payload."""

from collections.abc import Awaitable, Callable

from app.context import RequestContext
from app.kernel.errors import DomainError
from app.schema.failure import Failure, failures
from app.schema.words import argument, given

INPUT = argument("What is to be done, and to what.")


async def written[T, P](
    context: RequestContext,
    payload: Callable[[T | None, list[Failure], str | None], P],
    write: Awaitable[T],
    client_mutation_id: str | None,
) -> P:
    """The payload; what the request had loaded before the write is forgotten."""
    try:
        return payload(await write, [], given(client_mutation_id))
    except DomainError as error:
        found = failures(error)
        context.security_event.denied(error)
        return payload(None, found, given(client_mutation_id))
    finally:
        context.memo.clear()
