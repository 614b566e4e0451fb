"""AuditEntry and its connection, as clients see them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from app.context import RequestContext
from app.domain.audit import model
from app.domain.user import model as user
from app.engine.declare import Describes
from app.kernel.ids import global_id
from app.kernel.page import Page, PageEdge
from app.loaders.audit import entry_counts
from app.loaders.feature import features_by_id
from app.loaders.user import named_users_by_id
from app.schema.audit_request import AuditAction
from app.schema.connection import PageInfo
from app.schema.user import User
from app.schema.words import ID, Node

if TYPE_CHECKING:
    from app.schema.feature import Feature

field_change = Describes(model.FieldChange)
entry = Describes(model.AuditEntry, excerpts=True)
entry_edge = Describes(PageEdge[model.AuditEntry, model.AuditScope])
entry_page = Describes(Page[model.AuditEntry, model.AuditScope])


@field_change.type
class FieldChange:
    """What became of one field."""

    field: str = field_change.value("The field's name: name, description, status or metadata.")
    old: JSON | None = field_change.value("Its value before; null when the feature was created.")
    new: JSON | None = field_change.value("Its value after.")


def _actor(entry: model.AuditEntry, context: RequestContext) -> user.User | None:
    return context.user.named(entry.actor)


@entry.type
class AuditEntry(Node):
    """One change of one feature. It is never altered and never removed."""

    id: strawberry.ID = entry.column(lambda e: global_id("AuditEntry", e.id), description=ID, stored="global_id")
    action: AuditAction = entry.value("What was done.")
    version: int = entry.value("The feature's version after it: each change has its own.")
    created_at: datetime = entry.value("When it was done.")
    feature: Annotated["Feature", strawberry.lazy("app.schema.feature")] | None = entry.edge(
        features_by_id, key=lambda e: e.feature_id, description="The feature; null while it is deleted."
    )
    actor: User | None = entry.edge(
        named_users_by_id,
        key=lambda e: e.actor_id,
        joined=_actor,
        description="Who did it; null for the system itself.",
    )
    old_values: JSON | None = entry.value("All fields before the change; null when the feature was created.")
    new_values: JSON | None = entry.value("All fields after the change.")
    changes: list[FieldChange] = entry.value("The fields that differ.")
    metadata: JSON = entry.value("What else is known of the change, such as the id of its request.")


@entry_edge.type
class AuditEntryEdge:
    """An entry at its place in a page."""

    cursor: str = entry_edge.value("The place, for `after` and `before`.")
    node: AuditEntry = entry_edge.value("The entry.", weight=0)


@entry_page.type
class AuditEntryConnection:
    """A page of audit entries, newest first."""

    edges: list[AuditEntryEdge] = entry_page.value("The entries with their cursors.")
    nodes: list[AuditEntry] = entry_page.value("The entries alone.")
    page_info: PageInfo = entry_page.value("What lies before and after this page.", weight=0)
    total_count: int = entry_page.edge(
        entry_counts,
        key=lambda p: p.scope,
        description="How many there are over all pages; counted when asked for.",
        weight=1,
    )
