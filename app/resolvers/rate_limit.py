"""The root field about the rate limit."""

from typing import Annotated

import strawberry

from app.domain.rate_limit import model
from app.schema.rate_limit import RateLimit
from app.schema.words import Info, root_field

DryRun = Annotated[
    bool | None, strawberry.argument(description="Price the operation: run only this field of it, and take no points.")
]


@strawberry.type
class RateLimitQuery:
    @root_field(RateLimit, "Where you stand with your points, this operation paid for.")
    async def rate_limit(self, info: Info, dry_run: DryRun = False) -> model.RateLimit:
        return await info.context.rate_limit.status(info.context.cost)
