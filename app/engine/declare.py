"""The words in which a Strawberry type says how its fields come from a domain object.

    feature = Describes(model.Feature)

    @feature.type
    class Feature(Node):
        '''Something that can be switched.'''
        name: str = feature.value("What people call it.")                                   # attribute of the object
        database_id: UUID = feature.column(lambda f: f.id, description="…")               # computed from it
        may: list[Act] = feature.column_for(lambda f, context: …, description="…")        # and from the request
        owner: User = feature.edge(users_by_id, key=lambda f: f.owner_id, description="…")  # loaded for all at once

A plan reads only what is selected (`Want`): a value by its own name, an edge by the edge's. A column that is computed
must get by with what is always read.

`weight` says what a field costs where that is not 1 for objects and 0 for a leaf; an edge whose arguments are `first`
and `last` says by itself how large its page is (`engine.cost`).

What flows through a query is the domain object itself; the Strawberry class describes it and is never instantiated.
"""

import asyncio
import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import strawberry
from strawberry.types.field import StrawberryField

from app.engine.batch import Batch, BatchFor, Context, loader
from app.engine.cost import Cost, sizes_of

DECLARED = "engine"  # the key of our entry in a StrawberryField's metadata
DESCRIBES = "__describes__"  # the attribute of a Strawberry class that holds the domain's
EXCERPTS = "__excerpts__"  # and of the one that says whether there are excerpts of it


@dataclass(frozen=True, slots=True)
class Column:
    """Computed from the parent alone: no I/O. A store that writes excerpts knows it by the name `stored`."""

    read: Callable[[Any], object]
    stored: str | None = None


@dataclass(frozen=True, slots=True)
class ContextColumn:
    """Computed from the parent and the request's context: no I/O."""

    read: Callable[[Any, Any], object]


@dataclass(frozen=True, slots=True)
class Edge:
    """Loaded by key, for all parents of a level together; `arguments` makes the batch's request. `joined` finds, of a
    parent and the request's context, what came along with the parent: then nothing need be loaded."""

    batch: Batch[Any, Any] | BatchFor[Any, Any, Any]
    key: Callable[[Any], Hashable | None]
    arguments: Callable[..., Hashable] | None
    joined: Callable[[Any, Any], object] | None


type Declared = Column | ContextColumn | Edge


class Describes[P]:
    """Declares the fields of the Strawberry type whose values are the domain's P."""

    def __init__(self, model: type[P], *, excerpts: bool = False) -> None:
        """With `excerpts`, the store may write them in place of objects that are on a page."""
        self.model, self._excerpts = model, excerpts

    def type[S](self, cls: type[S]) -> type[S]:
        """`strawberry.type` for a class that describes P; the docstring becomes the description.

        Raises TypeError for a field that neither P nor a declaration has.
        """
        origin = getattr(self.model, "__origin__", self.model)
        for name in cls.__annotations__:
            field = cls.__dict__.get(name)
            if (field is None or field.base_resolver is None) and not hasattr(origin, name):
                raise TypeError(f"{cls.__name__}.{name}: {origin.__name__} has no such attribute")
        setattr(cls, DESCRIBES, origin)
        setattr(cls, EXCERPTS, self._excerpts)
        setattr(cls, "is_type_of", staticmethod(lambda value, info: isinstance(value, origin)))  # noqa: B010  # a type checker lets no such attribute be assigned
        return strawberry.type(cls, description=inspect.getdoc(cls))

    def value(self, description: str, *, weight: int | None = None) -> Any:
        """The attribute of P that has the field's name."""
        return strawberry.field(description=description, directives=_weighed(weight))

    def column(
        self, read: Callable[[P], object], *, description: str, name: str | None = None, stored: str | None = None
    ) -> Any:
        """`name` is the GraphQL name, where Python does not allow it; `stored` what a store calls it."""

        def resolve(root: Any) -> object:
            return read(root)

        return _field(resolve, Column(read, stored), description, name)

    def column_for[C](self, read: Callable[[P, C], object], *, description: str) -> Any:
        """`read` is also given the request's context, a C."""

        def resolve(root: Any, info: strawberry.Info[Any, None]) -> object:
            return read(root, info.context)

        return _field(resolve, ContextColumn(read), description)

    @overload
    def edge[K: Hashable, T](
        self,
        batch: Batch[K, T],
        key: Callable[[P], K | None],
        *,
        joined: Callable[[P, Any], T | None] | None = None,
        description: str,
        weight: int | None = None,
    ) -> Any: ...
    @overload
    def edge[K: Hashable, R: Hashable, T](
        self,
        batch: BatchFor[K, R, T],
        key: Callable[[P], K | None],
        arguments: Callable[..., R],
        *,
        description: str,
        weight: int | None = None,
    ) -> Any: ...
    def edge(
        self,
        batch: Batch[Any, Any] | BatchFor[Any, Any, Any],
        key: Callable[[P], Hashable | None],
        arguments: Callable[..., Hashable] | None = None,
        *,
        joined: Callable[[P, Any], object] | None = None,
        description: str,
        weight: int | None = None,
    ) -> Any:
        """The field's GraphQL arguments are the parameters of `arguments`, a plain function."""

        async def resolve(root: Any, info: strawberry.Info[Context, None], **given: Any) -> object:
            parent_key = key(root)
            request = arguments(**given) if arguments else None
            if parent_key is None:
                return None
            # Shielded: graphql-core cancels a failed field's siblings, and the future may have other waiters.
            return await asyncio.shield(loader(batch, info.context, request).load(parent_key))

        own = list(inspect.signature(resolve).parameters.values())[:2]
        given = inspect.signature(arguments).parameters.values() if arguments else ()
        setattr(resolve, "__signature__", inspect.Signature([*own, *given]))  # noqa: B010  # see above
        costs = [*_weighed(weight), *sizes_of(resolve)]
        return _field(resolve, Edge(batch, key, arguments, joined), description, costs=costs)


def declared(definition: StrawberryField) -> Declared | None:
    """What a type says of its field; None for an attribute, and for an ordinary resolver."""
    metadata: Mapping[Any, Any] = definition.metadata or {}
    found: Declared | None = metadata.get(DECLARED)
    return found


def described(cls: type) -> type | None:
    """The domain's class that a Strawberry class describes, itself and not by way of what it inherits from."""
    found: type | None = cls.__dict__.get(DESCRIBES)
    return found


def excerpted(cls: type) -> bool:
    """May there be excerpts of what the Strawberry class describes?"""
    return bool(cls.__dict__.get(EXCERPTS))


def _field(
    resolve: Callable[..., object],
    how: Declared,
    description: str,
    name: str | None = None,
    costs: Sequence[object] = (),
) -> Any:
    return strawberry.field(
        resolver=resolve, metadata={DECLARED: how}, description=description, name=name, directives=costs
    )


def _weighed(weight: int | None) -> Sequence[Cost]:
    return () if weight is None else (Cost(weight=str(weight)),)
