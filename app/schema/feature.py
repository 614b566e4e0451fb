"""Feature and its connection, as clients see them."""

import enum
from datetime import datetime
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from app.context import RequestContext
from app.domain.feature import model, rules
from app.domain.user import model as user
from app.engine.declare import Describes
from app.kernel.ids import global_id
from app.kernel.page import Page, PageEdge
from app.loaders.audit import entry_pages_by_feature
from app.loaders.feature import feature_counts
from app.loaders.user import named_users_by_id
from app.schema.audit import AuditEntryConnection
from app.schema.audit_request import entry_page_request
from app.schema.connection import PageInfo
from app.schema.feature_request import FeatureStatus
from app.schema.user import User
from app.schema.words import ID, Node

feature = Describes(model.Feature, excerpts=True)
feature_edge = Describes(PageEdge[model.Feature, model.FeatureScope])
feature_page = Describes(Page[model.Feature, model.FeatureScope])


@strawberry.enum(description="What one may do with a feature.")
class FeaturePermission(enum.Enum):
    READ = strawberry.enum_value("READ", description="See it and its trail.")
    UPDATE = strawberry.enum_value("UPDATE", description="Change it, activate it and deactivate it.")
    ARCHIVE = strawberry.enum_value("ARCHIVE", description="Archive it.")
    DELETE = strawberry.enum_value("DELETE", description="Delete it.")
    RESTORE = strawberry.enum_value("RESTORE", description="Restore it once it is deleted.")
    REVERT = strawberry.enum_value("REVERT", description="Set it back to an earlier version; over REST.")


def _permissions(feature: model.Feature, context: RequestContext) -> list[rules.Permission]:
    return context.feature.permissions(feature)


def _owner(feature: model.Feature, context: RequestContext) -> user.User | None:
    return context.user.named(feature.owner)


@feature.type
class Feature(Node):
    """Something that a product can do, with an owner and a trail of every change."""

    id: strawberry.ID = feature.column(lambda f: global_id("Feature", f.id), description=ID, stored="global_id")
    database_id: UUID = feature.column(lambda f: f.id, description="The key that REST shows as `id`.", stored="id")
    name: str = feature.value("1 to 255 characters; unique among the owner's features that are not deleted.")
    description: str | None = feature.value("At most 2,000 characters.")
    status: FeatureStatus = feature.value("Where it stands.")
    metadata: JSON = feature.value("A JSON object of at most 16 KiB and 8 levels; yours to fill.")
    category: str | None = feature.value("What `metadata` says under `category`.")
    tags: list[str] = feature.value("What `metadata` says under `tags`.")
    version: int = feature.value("Raised by one by every change: send it as `expectedVersion`.")
    owner: User = feature.edge(
        named_users_by_id,
        key=lambda f: f.owner_id,
        joined=_owner,
        description="Who owns it; that never changes.",
    )
    created_at: datetime = feature.value("When it was created.")
    updated_at: datetime = feature.value("When it was last changed.")
    deleted_at: datetime | None = feature.value("When it was deleted; null while it is not.")
    audit_entries: AuditEntryConnection = feature.edge(
        entry_pages_by_feature,
        key=lambda f: f.id,
        arguments=entry_page_request,
        description="Every change of it, newest first.",
    )
    viewer_permissions: list[FeaturePermission] = feature.column_for(
        _permissions, description="What you may do with it."
    )


@feature_edge.type
class FeatureEdge:
    """A feature at its place in a page."""

    cursor: str = feature_edge.value("The place, for `after` and `before`.")
    node: Feature = feature_edge.value("The feature.", weight=0)


@feature_page.type
class FeatureConnection:
    """A page of features."""

    edges: list[FeatureEdge] = feature_page.value("The features with their cursors.")
    nodes: list[Feature] = feature_page.value("The features alone.")
    page_info: PageInfo = feature_page.value("What lies before and after this page.", weight=0)
    total_count: int = feature_page.edge(
        feature_counts,
        key=lambda p: p.scope,
        description="How many there are over all pages; counted when asked for.",
        weight=1,
    )
