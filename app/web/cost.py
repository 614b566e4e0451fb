"""What a client is told of its operation's cost: on request, and when it is too high."""

from collections.abc import Callable, Mapping, Sequence

from app.engine.price import Price
from app.kernel.errors import PathCost
from app.http.headers import Headers

HEADER = b"x-graphql-cost"
COSTLIEST = 3  # paths that are told to who is refused


def asks_for_cost(headers: Headers) -> bool:
    return headers.get(HEADER) == "1"


def cost_report(price: Price, variables: Mapping[str, object], limit: int) -> dict[str, object]:
    """`extensions` of an answer: points in all and per path, costliest first, and how many there may be."""
    breakdown = [path.facts for path in price.breakdown(variables)]
    return {"cost": {"requested": price.of(variables), "limit": limit, "breakdown": breakdown}}


def costliest(price: Price, variables: Mapping[str, object]) -> Callable[[], Sequence[PathCost]]:
    """For who is refused, and worked out only then."""
    return lambda: price.breakdown(variables)[:COSTLIEST]
