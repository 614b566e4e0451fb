"""User and its connection, as clients see them."""

import enum
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from app.domain.user import model
from app.engine.declare import Describes
from app.kernel.ids import global_id
from app.kernel.page import Page, PageEdge
from app.loaders.api_token import token_pages_by_user
from app.loaders.audit import entry_pages_by_actor
from app.loaders.feature import feature_pages_by_owner
from app.loaders.user import user_counts, user_entry_pages
from app.schema.api_token import token_page_request
from app.schema.audit_request import entry_page_request
from app.schema.connection import After, Before, First, Last, PageInfo, window_of
from app.schema.feature_request import feature_page_request
from app.schema.words import ABSENT, ID, Node

if TYPE_CHECKING:
    from app.schema.api_token import ApiTokenConnection
    from app.schema.audit import AuditEntryConnection
    from app.schema.feature import FeatureConnection
    from app.schema.user_audit import UserAuditEntryConnection

user = Describes(model.User)
user_edge = Describes(PageEdge[model.User, model.UserScope])
user_page = Describes(Page[model.User, model.UserScope])


@strawberry.enum(description="What a user may do; a guest has no role, and may do nothing.")
class Role(enum.Enum):
    ADMIN = strawberry.enum_value("ADMIN", description="Reads and changes everything, and creates for any owner.")
    MANAGER = strawberry.enum_value("MANAGER", description="Reads and changes everything, and creates its own.")
    USER = strawberry.enum_value("USER", description="Reads and changes its own.")
    VIEWER = strawberry.enum_value("VIEWER", description="Reads all features and their trail, changes nothing.")


def user_entry_page_request(
    first: First = ABSENT, after: After = ABSENT, last: Last = ABSENT, before: Before = ABSENT
) -> model.UserEntryPageRequest:
    """The arguments of every connection of entries about users."""
    return model.UserEntryPageRequest(window_of(first, after, last, before, model.ENTRY_ORDER, temporal=True))


@user.type
class User(Node):
    """A person who owns features and changes them."""

    id: strawberry.ID = user.column(lambda u: global_id("User", u.id), description=ID, stored="global_id")
    database_id: UUID = user.column(lambda u: u.id, description="The key that REST shows as `id`.", stored="id")
    name: str = user.value("What people call this user, 1 to 255 characters.")
    email: str | None = user.value("Null where you may not read this user's own data.")
    role: Role = user.value("What this user may do.")
    created_at: datetime = user.value("When this user was added.")
    disabled_at: datetime | None = user.value(
        "When this user was disabled; null while it is not, and where you may not read this user's own data."
    )
    features: Annotated["FeatureConnection", strawberry.lazy("app.schema.feature")] = user.edge(
        feature_pages_by_owner,
        key=lambda u: u.id,
        arguments=feature_page_request,
        description="The features this user owns, of those you may see.",
    )
    audit_entries: Annotated["AuditEntryConnection", strawberry.lazy("app.schema.audit")] = user.edge(
        entry_pages_by_actor,
        key=lambda u: u.id,
        arguments=entry_page_request,
        description="What this user did, newest first, to features whose trail you may read.",
    )
    user_audit_entries: Annotated["UserAuditEntryConnection", strawberry.lazy("app.schema.user_audit")] | None = (
        user.edge(
            user_entry_pages,
            key=lambda u: u.id,
            arguments=user_entry_page_request,
            description="What was done to this user, newest first; null for all but administrators.",
        )
    )
    api_tokens: Annotated["ApiTokenConnection", strawberry.lazy("app.schema.api_token")] = user.edge(
        token_pages_by_user,
        key=lambda u: u.id,
        arguments=token_page_request,
        description="This user's API tokens, newest first, of those you may see.",
    )


@user_edge.type
class UserEdge:
    """A user at its place in a page."""

    cursor: str = user_edge.value("The place, for `after` and `before`.")
    node: User = user_edge.value("The user.", weight=0)


@user_page.type
class UserConnection:
    """A page of users, oldest first."""

    edges: list[UserEdge] = user_page.value("The users with their cursors.")
    nodes: list[User] = user_page.value("The users alone.")
    page_info: PageInfo = user_page.value("What lies before and after this page.", weight=0)
    total_count: int = user_page.edge(
        user_counts,
        key=lambda p: p.scope,
        description="How many there are over all pages; counted when asked for.",
        weight=1,
    )


def user_page_request(
    first: First = ABSENT, after: After = ABSENT, last: Last = ABSENT, before: Before = ABSENT
) -> model.UserPageRequest:
    """The arguments of every connection of users."""
    return model.UserPageRequest(window_of(first, after, last, before, model.ORDER, temporal=True))
