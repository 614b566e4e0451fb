"""The schema's own words: the request's context, root fields, the interface Node, arguments that may be absent."""

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any

import strawberry
from strawberry.types.field import StrawberryField

from app.context import RequestContext
from app.engine.cost import WRITE, Cost, sizes_of

type Info = strawberry.Info[RequestContext, None]

DONE = object()  # in the memo of a request whose mutation did what it was to do
ABSENT: Any = strawberry.UNSET  # the default of what a client may leave out; None would print `= null` in the schema


def given[T](argument: T | None) -> T | None:
    """None for an argument that is absent or null."""
    return None if argument is strawberry.UNSET else argument


def given_tuple[T](argument: list[T] | None) -> tuple[T, ...] | None:
    items = given(argument)
    return None if items is None else tuple(items)


type Resolver = Callable[..., Awaitable[object]]


def root_field(returns: object, description: str) -> Callable[[Resolver], StrawberryField]:
    """An ordinary resolver that returns domain objects; `returns` is the Strawberry type that describes them. Its
    parameters say how many there may be (`engine.cost`)."""
    return lambda resolver: strawberry.field(
        resolver, graphql_type=returns, description=description, directives=sizes_of(resolver, returns)
    )


def mutation_field(
    returns: object, description: str, costs: Sequence[object] = (Cost(weight=WRITE),)
) -> Callable[[Resolver], StrawberryField]:
    """The same, of the mutation type: it weighs what a write weighs, and notes in the context that it was done."""
    return lambda resolver: strawberry.field(
        _noted(resolver), graphql_type=returns, description=description, directives=costs
    )


def _noted(resolver: Callable[..., Awaitable[Any]]) -> Resolver:
    """Of the payload itself: whether `userErrors` is among what is asked for is the client's choice."""

    @wraps(resolver)
    async def noting(self: object, info: Info, **arguments: object) -> object:
        payload = await resolver(self, info, **arguments)
        if not payload.user_errors:
            info.context.memo[DONE] = True
        return payload

    return noting


def argument(description: str) -> Any:
    """What `Annotated` takes to describe an argument."""
    return strawberry.argument(description=description)


ID = "Opaque global id: give it to `node`. It never changes."


@strawberry.interface(description="An object with a global id (Relay Global Object Identification).")
class Node:
    id: strawberry.ID = strawberry.field(description=ID)
