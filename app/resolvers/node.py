"""`node` and `nodes`: any object by its global id (Relay Global Object Identification)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any

import strawberry

from app.context import RequestContext
from app.kernel.errors import BadUserInput
from app.kernel.ids import parse_global_id
from app.schema.words import Info, Node, argument, root_field

MAX_IDS = 100

type Fetch = Callable[[Sequence[Any]], Awaitable[Sequence[object | None]]]

READS: Mapping[str, Callable[[RequestContext], Fetch]] = {
    "User": lambda context: context.user.get_many,
    "Feature": lambda context: context.feature.get_many,
    "AuditEntry": lambda context: context.audit.get_many,
    "UserAuditEntry": lambda context: context.administration.entries_by_id,
    "SecurityEvent": lambda context: context.security_event.get_many,
    "ApiToken": lambda context: context.api_token.get_many,
}


@strawberry.type
class NodeQuery:
    @root_field(Node | None, "The object of this id; null where there is none, or you may not see it.")
    async def node(self, info: Info, id: Annotated[strawberry.ID, argument("An `id` of anything.")]) -> object | None:
        return (await _fetch(info.context, [id], ("id",)))[0]

    @root_field(list[Node | None], "The objects of at most 100 ids, in their order; null where `node` would be.")
    async def nodes(
        self, info: Info, ids: Annotated[list[strawberry.ID], argument("At most 100.")]
    ) -> list[object | None]:
        if len(ids) > MAX_IDS:
            raise BadUserInput(f"`ids` must have at most {MAX_IDS} items: it has {len(ids)}.", ("ids",))
        return await _fetch(info.context, ids, ("ids",))


async def _fetch(context: RequestContext, ids: Sequence[str], path: tuple[str, ...]) -> list[object | None]:
    """One per id, in order; one statement per type. Raises BadUserInput for an id of no type of ours."""
    context.actor.known()
    keys = [parse_global_id(id, path) for id in ids]
    nouns = dict.fromkeys(noun for noun, _ in keys)
    if not nouns.keys() <= READS.keys():
        raise BadUserInput("This is not an id of this API: give an `id` as a query returned it.", path)
    found: dict[tuple[str, object], object | None] = {}
    for noun in nouns:
        wanted = list(dict.fromkeys(key for of, key in keys if of == noun))
        objects = await READS[noun](context)(wanted)
        found.update(((noun, key), object) for key, object in zip(wanted, objects, strict=True))
    return [found[key] for key in keys]
