"""UserAuditEntry and its connection, as administrators see them."""

import enum
from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from app.domain.user import model
from app.engine.declare import Describes
from app.kernel.ids import global_id
from app.kernel.page import Page, PageEdge
from app.loaders.user import named_users_by_id, user_entry_counts
from app.schema.connection import PageInfo
from app.schema.user import User
from app.schema.words import ID, Node

entry = Describes(model.UserAuditEntry)
entry_edge = Describes(PageEdge[model.UserAuditEntry, model.UserEntryScope])
entry_page = Describes(Page[model.UserAuditEntry, model.UserEntryScope])


@strawberry.enum(description="What was done to a user.")
class UserAction(enum.Enum):
    CREATE = strawberry.enum_value("CREATE", description="It was created.")
    UPDATE = strawberry.enum_value("UPDATE", description="Its name or email changed.")
    CHANGE_ROLE = strawberry.enum_value("CHANGE_ROLE", description="It got another role.")
    DISABLE = strawberry.enum_value("DISABLE", description="It was disabled.")
    ENABLE = strawberry.enum_value("ENABLE", description="It was enabled again.")


@entry.type
class UserAuditEntry(Node):
    """One change of one user. It is never altered and never removed."""

    id: strawberry.ID = entry.column(lambda e: global_id("UserAuditEntry", e.id), description=ID)
    act: UserAction = entry.column(lambda e: e.action, description="What was done.")  # AuditEntry has an `action`
    user: User = entry.edge(named_users_by_id, key=lambda e: e.user_id, description="To whom.")
    actor: User | None = entry.edge(
        named_users_by_id, key=lambda e: e.actor_id, description="By whom; null for the system itself."
    )
    old_values: JSON | None = entry.value("All fields before the change; null when the user was created.")
    new_values: JSON | None = entry.value(  # as in AuditEntry, so that one query may select both
        "All fields after the change; never null."
    )
    request_id: str | None = entry.value("The id of the request, as the log has it.")
    created_at: datetime = entry.value("When it was done.")


@entry_edge.type
class UserAuditEntryEdge:
    """An entry at its place in a page."""

    cursor: str = entry_edge.value("The place, for `after` and `before`.")
    node: UserAuditEntry = entry_edge.value("The entry.", weight=0)


@entry_page.type
class UserAuditEntryConnection:
    """A page of what was done to a user, newest first."""

    edges: list[UserAuditEntryEdge] = entry_page.value("The entries with their cursors.")
    nodes: list[UserAuditEntry] = entry_page.value("The entries alone.")
    page_info: PageInfo = entry_page.value("What lies before and after this page.", weight=0)
    total_count: int = entry_page.edge(
        user_entry_counts,
        key=lambda p: p.scope,
        description="How many there are over all pages; counted when asked for.",
        weight=1,
    )
