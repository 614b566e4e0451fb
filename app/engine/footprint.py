"""About how many bytes a document takes, and each of its plans: counted by what they are made of, which takes a
thousandth of the time that it takes to make them. The weights are measured (tests/unit/test_engine_cache.py)."""

import sys
from collections.abc import Sequence

from graphql import GraphQLError

from app.engine.plan import Plan
from app.engine.shape import Slot

DOCUMENT, NODE, ERROR = 1_000, 260, 1_200  # a node with its location and its share of the price
PLAN, SELECTION, KEY = 2_000, 900, 450  # a plan with what is around it; a response key


def document_bytes(text: str, nodes: int, errors: Sequence[GraphQLError] = ()) -> int:
    """`nodes`: of its syntax tree. Words of the text are kept once more, in the tree or in messages."""
    return DOCUMENT + 2 * sys.getsizeof(text) + NODE * nodes + ERROR * len(errors)


def plan_bytes(plan: Plan) -> int:
    total = PLAN + KEY * len(plan.constants)
    slots: list[Slot] = [call.slot for call in plan.calls]
    while slots:
        slot = slots.pop()
        for selection in (slot.only,) if slot.only else slot.of.values():
            total += SELECTION + KEY * len(selection.members)
            slots += [inner.slot for inner in selection.inner]
            slots += [loaded.slot for loaded in selection.loaded]
    return total
