"""What each path of an operation adds to its price: for who asks, and for who is refused."""

from collections.abc import Sequence

from app.engine.steps import Step, Term, Variables
from app.kernel.errors import PathCost
from app.kernel.page import MAX_PAGE


def breakdown(steps: Sequence[Step], variables: Variables, most: int) -> list[PathCost]:
    """Paths of no cost are left out, and no cost is above `most`. The operation's own selection set is
    the last step. Fields are looked at wherever their fragment is spread: for operations that keep to the limits."""
    terms = _flattened(steps)
    costs: dict[str, int] = {}
    waiting: list[tuple[str, int, int, int]] = [("", len(steps) - 1, 1, MAX_PAGE)]
    while waiting:
        prefix, number, parents, rows = waiting.pop()
        for term in terms[number]:
            bounds = term.bounds(variables)
            objects = parents * (rows if term.is_row else 1) * bounds.objects
            path = f"{prefix}{term.key}"
            costs[path] = costs.get(path, 0) + objects * (term.weight + bounds.read)
            if term.below is not None:
                waiting.append((f"{path}.", term.below, objects, bounds.shown))
    return [PathCost(path, min(cost, most)) for path, cost in costs.items() if cost]


def _flattened(steps: Sequence[Step]) -> list[list[Term]]:
    """The fields of each step, with those of the fragments that are spread in it."""
    flattened: list[list[Term]] = []
    for step in steps:
        if not step.terms and len(step.spread) == 1:
            flattened.append(flattened[step.spread[0]])  # a long chain of fragments is not copied
        else:
            flattened.append([*step.terms, *(term for number in step.spread for term in flattened[number])])
    return flattened
