"""SecurityEvent and its connection, as administrators see them."""

import enum
from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from app.domain.security_event import model
from app.engine.declare import Describes
from app.kernel.ids import UserId, global_id, key_of
from app.kernel.page import Page, PageEdge
from app.loaders.security_event import security_event_counts
from app.loaders.user import named_users_by_id
from app.schema.connection import After, Before, DateTimeRange, First, Last, PageInfo, range_of, window_of
from app.schema.user import User
from app.schema.words import ABSENT, ID, Node, given, given_tuple

event = Describes(model.KeptEvent)
event_edge = Describes(PageEdge[model.KeptEvent, model.SecurityEventFilter])
event_page = Describes(Page[model.KeptEvent, model.SecurityEventFilter])


@strawberry.enum(description="What happened.")
class SecurityEventKind(enum.Enum):
    PERMISSION_DENIED = strawberry.enum_value(
        "PERMISSION_DENIED", description="Somebody tried what is not granted; the subject is the permission."
    )
    LOGIN_SUCCEEDED = strawberry.enum_value("LOGIN_SUCCEEDED", description="Somebody logged in.")
    LOGIN_FAILED = strawberry.enum_value("LOGIN_FAILED", description="A login was refused.")
    LOGIN_LIMITED = strawberry.enum_value("LOGIN_LIMITED", description="Logins came too often, and were not looked at.")
    REFRESH_REUSED = strawberry.enum_value(
        "REFRESH_REUSED", description="A refresh token was used a second time, and its session ended."
    )
    SESSION_REVOKED = strawberry.enum_value("SESSION_REVOKED", description="A session was ended before its time.")
    IDENTITY_LINKED = strawberry.enum_value(
        "IDENTITY_LINKED", description="A user was linked with an identity of another issuer."
    )
    TOKEN_CREATED = strawberry.enum_value("TOKEN_CREATED", description="An API token was made.")
    TOKEN_REVOKED = strawberry.enum_value("TOKEN_REVOKED", description="An API token was revoked.")
    USER_CREATED = strawberry.enum_value("USER_CREATED", description="A user was created; the subject is its id.")
    ROLE_CHANGED = strawberry.enum_value("ROLE_CHANGED", description="A user got another role.")
    USER_DISABLED = strawberry.enum_value("USER_DISABLED", description="A user was disabled.")
    USER_ENABLED = strawberry.enum_value("USER_ENABLED", description="A user was enabled again.")
    PASSWORD_CHANGED = strawberry.enum_value("PASSWORD_CHANGED", description="A user's password was changed.")
    KEYS_ROTATED = strawberry.enum_value("KEYS_ROTATED", description="The keys that sign tokens were changed.")


@event.type
class SecurityEvent(Node):
    """Something that a security reviewer wants to know of. It is never altered, and forgotten after a time."""

    id: strawberry.ID = event.column(lambda e: global_id("SecurityEvent", e.id), description=ID)
    kind: SecurityEventKind = event.value("What happened.")
    actor: User | None = event.edge(
        named_users_by_id, key=lambda e: e.actor_id, description="Who did it; null for a guest and for the system."
    )
    subject: str | None = event.value("What it was done to: an id, or a permission such as features:update.")
    address: str | None = event.value("The caller's address; of IPv6 the first 64 bits.")
    request_id: str | None = event.value("The id of the request, as the log has it.")
    facts: JSON = event.value("What else there is to say: an object of strings.")
    created_at: datetime = event.value("When it happened.")


@event_edge.type
class SecurityEventEdge:
    """An event at its place in a page."""

    cursor: str = event_edge.value("The place, for `after` and `before`.")
    node: SecurityEvent = event_edge.value("The event.", weight=0)


@event_page.type
class SecurityEventConnection:
    """A page of security events, newest first."""

    edges: list[SecurityEventEdge] = event_page.value("The events with their cursors.")
    nodes: list[SecurityEvent] = event_page.value("The events alone.")
    page_info: PageInfo = event_page.value("What lies before and after this page.", weight=0)
    total_count: int = event_page.edge(
        security_event_counts,
        key=lambda p: p.scope,
        description="How many there are over all pages; counted when asked for.",
        weight=1,
    )


@strawberry.input(description="Which events; every condition that is given must hold.")
class SecurityEventFilter:
    kind: list[SecurityEventKind] | None = strawberry.field(default=ABSENT, description="One of these.")
    actor_id: strawberry.ID | None = strawberry.field(default=ABSENT, description="Done by the user of this id.")
    created_at: DateTimeRange | None = strawberry.field(default=ABSENT, description="Happened in this span.")


FilterArgument = Annotated[SecurityEventFilter | None, strawberry.argument(description="Which of them.")]


def event_page_request(
    first: First = ABSENT,
    after: After = ABSENT,
    last: Last = ABSENT,
    before: Before = ABSENT,
    filter: FilterArgument = ABSENT,
) -> model.SecurityEventPageRequest:
    """Raises BadUserInput at the argument that is wrong."""
    window = window_of(first, after, last, before, model.ORDER, temporal=True)
    return model.SecurityEventPageRequest(window, _filter(given(filter)))


def _filter(wanted: SecurityEventFilter | None) -> model.SecurityEventFilter:
    if wanted is None:
        return model.SecurityEventFilter()
    kinds, actor_id = given_tuple(wanted.kind), given(wanted.actor_id)
    return model.SecurityEventFilter(
        kind=None if kinds is None else tuple(kind.name for kind in kinds),
        actor_id=None if actor_id is None else UserId(key_of("User", actor_id, ("filter", "actorId"))),
        created_at=range_of(wanted.created_at, "createdAt"),
    )
