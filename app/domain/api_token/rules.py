"""What makes an API token valid, and who may make, see and revoke tokens (R25)."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import get_args

from app.domain.api_token.model import TokenDraft, TokenKind
from app.kernel.actor import Actor, Grants, Reach, Scope
from app.kernel.errors import Forbidden, Problem
from app.kernel.ids import UserId

OWN = Grants("tokens:own", {"USER": Reach.OWN, "MANAGER": Reach.OWN, "ADMIN": Reach.ANY})

SCOPES: tuple[str, ...] = get_args(Scope.__value__)


def check_may_create(actor: Actor, user_id: UserId, kind: TokenKind) -> None:
    """A personal token is made by its user alone, a service token by an administrator for anybody. Raises
    Unauthenticated or Forbidden."""
    if actor.reach(OWN) is Reach.NONE:
        actor.known()
        raise actor.refusal(OWN, "You may not make tokens.")
    if kind == "PERSONAL" and user_id != actor.known():
        raise Forbidden(
            "A personal token is made by its user alone: only SERVICE tokens are made for others.", OWN.scope
        )
    if kind == "SERVICE" and actor.reach(OWN) is not Reach.ANY:
        raise Forbidden("Only administrators make service tokens.", OWN.scope)


def check_is_no_wider(actor: Actor, draft: TokenDraft) -> None:
    """What is made with a token has no scope, and no later end, than that token. Raises Forbidden."""
    if actor.scopes is not None and (more := [scope for scope in draft.scopes if scope not in actor.scopes]):
        raise Forbidden(f"This token cannot give scopes that it does not have: {', '.join(more)}.", OWN.scope)
    if actor.expires_at is not None and draft.expires_at > actor.expires_at:
        raise Forbidden("This token cannot make one that ends later than itself.", OWN.scope)


def clean_scopes(scopes: Collection[str], problems: list[Problem]) -> tuple[str, ...]:
    """Each once, in the order of all scopes; faults are added to `problems`."""
    path = ("scopes",)
    if not scopes:
        problems.append(Problem(path, "MIN_LENGTH", "`scopes` must have at least 1 of the scopes.", 1))
    elif not set(scopes) <= set(SCOPES):
        problems.append(Problem(path, "FORMAT", f"`scopes` may only hold these: {', '.join(SCOPES)}."))
    return tuple(scope for scope in SCOPES if scope in scopes)


def check_end(expires_at: datetime, now: datetime, days: int, problems: list[Problem]) -> None:
    path = ("expiresAt",)
    if expires_at <= now:
        problems.append(Problem(path, "RANGE", "`expiresAt` must be in the future."))
    elif expires_at > now + timedelta(days=days):
        problems.append(Problem(path, "RANGE", f"`expiresAt` must be at most {days} days from now.", days))
