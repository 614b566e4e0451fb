"""A mutation with an Idempotency-Key: run once, and answered the same from then on (R9)."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import orjson
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
    is_object_type,
)

from app.context import Once, RequestContext
from app.domain.idempotency.model import KeptAnswer, KeyedRequest
from app.domain.idempotency.rules import keyed_request, read_key
from app.engine.operation import Operation
from app.http.refused import Refused
from app.http.replay import REPLAYED
from app.kernel.actor import Actor
from app.schema.words import DONE
from app.web.answer import Answer
from app.web.respond import bytes_of

SHOWN_ONCE = "secret"  # the field of a payload whose value is kept nowhere


def keyed_mutation(
    actor: Actor, header: str, operation: Operation, schema: GraphQLSchema, text: str, variables: Mapping[str, Any]
) -> KeyedRequest:
    """Raises BadUserInput for what is no key, Refused for what cannot be kept."""
    key = read_key(header)
    fragments = {node.name.value: node for node in operation.node.definitions if isinstance(node, FragmentDefinitionNode)}
    fields = list(_fields(operation.definition.selection_set, fragments))
    if len(fields) != 1:
        message = f"An `Idempotency-Key` is for one mutation, and this operation has {len(fields)}: send each alone."
        raise Refused(400, "BAD_REQUEST", message)
    if _shows_once(schema, fields[0]):
        message = f"`{fields[0]}` shows a secret that is kept nowhere, so its answer cannot be: send no `Idempotency-Key`."
        raise Refused(400, "BAD_REQUEST", message)
    asked = [b"graphql", text.encode(), (operation.name or "").encode(), _canonical(variables)]
    return keyed_request(actor, key, asked)


async def run_once(
    once: AbstractAsyncContextManager[Once], run: Callable[[RequestContext], Awaitable[Answer]]
) -> Answer:
    """What was done is kept, errors below it and all. What was refused is not: it runs anew, with the same key too."""
    async with once as entered:
        if entered.kept is not None:
            return Answer(entered.kept.status, orjson.Fragment(entered.kept.body), REPLAYED)
        answer = await run(entered.context)
        if DONE in entered.context.memo:
            await entered.keep(KeptAnswer(answer.status, {}, bytes_of(answer)))
        return answer


def _fields(selected: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[str]:
    for node in selected.selections:
        if isinstance(node, FieldNode):
            if node.name.value != "__typename":
                yield node.name.value
        elif isinstance(node, FragmentSpreadNode):
            yield from _fields(fragments[node.name.value].selection_set, fragments)
        elif isinstance(node, InlineFragmentNode):
            yield from _fields(node.selection_set, fragments)


def _shows_once(schema: GraphQLSchema, field: str) -> bool:
    payload = get_named_type(schema.mutation_type.fields[field].type) if schema.mutation_type else None
    return is_object_type(payload) and SHOWN_ONCE in payload.fields


def _canonical(variables: Mapping[str, Any]) -> bytes:
    return orjson.dumps(variables, option=orjson.OPT_SORT_KEYS)
