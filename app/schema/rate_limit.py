"""RateLimit, as clients see it."""

from datetime import datetime

from app.domain.rate_limit import model
from app.engine.declare import Describes

rate_limit = Describes(model.RateLimit)


@rate_limit.type
class RateLimit:
    """Where you stand: operations are paid for in points, which come back evenly over a minute."""

    limit: int = rate_limit.value("Points a minute: the most that you can have.")
    remaining: int = rate_limit.value("Points that you have left.")
    reset_at: datetime = rate_limit.value("When you have all of them again, if you spend none until then.")
    cost: int = rate_limit.value(
        "What this operation costs: one point, and one for each object that it may load at most."
    )
