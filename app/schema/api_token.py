"""ApiToken and its connection, as clients see them."""

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.domain.api_token import model
from app.domain.api_token.rules import SCOPES
from app.engine.declare import Describes
from app.kernel.ids import global_id
from app.kernel.page import Page, PageEdge
from app.loaders.api_token import token_counts
from app.loaders.user import named_users_by_id
from app.schema.connection import After, Before, First, Last, PageInfo, window_of
from app.schema.words import ABSENT, ID, Node

if TYPE_CHECKING:
    from app.schema.user import User

token = Describes(model.ApiToken)
token_edge = Describes(PageEdge[model.ApiToken, model.TokenScope])
token_page = Describes(Page[model.ApiToken, model.TokenScope])

NAMES: Mapping[str, str] = {scope: scope.upper().replace(":", "_") for scope in SCOPES}  # of TokenScope's values
SCOPE_OF: Mapping[str, str] = {name: scope for scope, name in NAMES.items()}


@strawberry.enum(description="What a token may do, of that which its user may do: each scope is one permission.")
class TokenScope(enum.Enum):
    FEATURES_READ = strawberry.enum_value("FEATURES_READ", description="See features; all else on them needs it too.")
    FEATURES_CREATE = strawberry.enum_value("FEATURES_CREATE", description="Create features.")
    FEATURES_UPDATE = strawberry.enum_value("FEATURES_UPDATE", description="Change, activate and deactivate features.")
    FEATURES_ARCHIVE = strawberry.enum_value("FEATURES_ARCHIVE", description="Archive features.")
    FEATURES_DELETE = strawberry.enum_value("FEATURES_DELETE", description="Delete features.")
    FEATURES_RESTORE = strawberry.enum_value("FEATURES_RESTORE", description="Restore features.")
    FEATURES_REVERT = strawberry.enum_value(
        "FEATURES_REVERT", description="Set features back; AUDIT_READ is needed too."
    )
    AUDIT_READ = strawberry.enum_value("AUDIT_READ", description="Read the trail of features.")
    USERS_READ = strawberry.enum_value("USERS_READ", description="Read users, the token's own among them: `viewer`.")
    USERS_WRITE = strawberry.enum_value("USERS_WRITE", description="Administer users, and read what was done to them.")
    TOKENS_OWN = strawberry.enum_value("TOKENS_OWN", description="List, make and revoke tokens, none wider than it.")
    SECURITY_EVENTS_READ = strawberry.enum_value("SECURITY_EVENTS_READ", description="Read security events.")


@strawberry.enum(description="Whom a token stands in for.")
class TokenKind(enum.Enum):
    PERSONAL = strawberry.enum_value("PERSONAL", description="The user who made it.")
    SERVICE = strawberry.enum_value("SERVICE", description="A user for whom an administrator made it.")


@token.type
class ApiToken(Node):
    """A token for programs: it acts as its user, narrowed to its scopes, until it ends or is revoked."""

    id: strawberry.ID = token.column(lambda t: global_id("ApiToken", t.id), description=ID)
    name: str = token.value("What it is for, 1 to 255 characters.")
    kind: TokenKind = token.value("Whom it stands in for.")
    scopes: list[TokenScope] = token.column(
        lambda t: [NAMES[scope] for scope in t.scopes if scope in NAMES], description="What it may do."
    )
    hint: str = token.value("How its text begins; the text itself is shown once, and not kept.")
    user: Annotated["User", strawberry.lazy("app.schema.user")] = token.edge(
        named_users_by_id, key=lambda t: t.user_id, description="Whom it acts as."
    )
    created_at: datetime = token.value("When it was made.")
    created_by: Annotated["User", strawberry.lazy("app.schema.user")] = token.edge(
        named_users_by_id, key=lambda t: t.created_by, description="Who made it."
    )
    expires_at: datetime = token.value("From when on it is refused.")
    last_used_at: datetime | None = token.value("When it was last used, a minute late at most; null: never.")
    revoked_at: datetime | None = token.value("When it was revoked; null while it is not.")


@token_edge.type
class ApiTokenEdge:
    """A token at its place in a page."""

    cursor: str = token_edge.value("The place, for `after` and `before`.")
    node: ApiToken = token_edge.value("The token.", weight=0)


@token_page.type
class ApiTokenConnection:
    """A page of API tokens, newest first."""

    edges: list[ApiTokenEdge] = token_page.value("The tokens with their cursors.")
    nodes: list[ApiToken] = token_page.value("The tokens alone.")
    page_info: PageInfo = token_page.value("What lies before and after this page.", weight=0)
    total_count: int = token_page.edge(
        token_counts,
        key=lambda p: p.scope,
        description="How many there are over all pages; counted when asked for.",
        weight=1,
    )


def token_page_request(
    first: First = ABSENT, after: After = ABSENT, last: Last = ABSENT, before: Before = ABSENT
) -> model.TokenPageRequest:
    """The arguments of every connection of tokens."""
    return model.TokenPageRequest(window_of(first, after, last, before, model.ORDER, temporal=True))
