"""The root field about security events: arguments -> service -> domain object."""

import strawberry

from app.domain.security_event.ports import SecurityEventPage
from app.schema.connection import After, Before, First, Last
from app.schema.security_event import FilterArgument, SecurityEventConnection, event_page_request
from app.schema.words import ABSENT, Info, root_field


@strawberry.type
class SecurityEventQuery:
    @root_field(
        SecurityEventConnection | None,
        "What a security reviewer wants to know of, newest first; FORBIDDEN for all but administrators.",
    )
    async def security_events(
        self,
        info: Info,
        first: First = ABSENT,
        after: After = ABSENT,
        last: Last = ABSENT,
        before: Before = ABSENT,
        filter: FilterArgument = ABSENT,
    ) -> SecurityEventPage:
        return await info.context.security_event.page(event_page_request(first, after, last, before, filter))
