"""Root fields about the trail: arguments -> service -> domain object."""

import strawberry

from app.domain.audit.ports import EntryPage
from app.engine.compiled import want_of
from app.schema.audit import AuditEntryConnection
from app.schema.audit_request import FilterArgument, entry_page_request
from app.schema.connection import After, Before, First, Last
from app.schema.words import ABSENT, Info, root_field


@strawberry.type
class AuditQuery:
    @root_field(AuditEntryConnection, "Every change of the features whose trail you may read, newest first.")
    async def audit_entries(
        self,
        info: Info,
        first: First = ABSENT,
        after: After = ABSENT,
        last: Last = ABSENT,
        before: Before = ABSENT,
        filter: FilterArgument = ABSENT,
    ) -> EntryPage:
        request = entry_page_request(first, after, last, before, filter)
        return await info.context.audit.page(request.wanting(want_of(info)))
