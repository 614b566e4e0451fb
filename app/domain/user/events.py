"""What a change of a user leaves behind: an entry of its trail, and for some acts a security event."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.domain.security_event.model import SecurityEvent, SecurityEventKind
from app.domain.user.model import User, UserAction, UserAuditEntry
from app.kernel.ids import UserAuditEntryId, UserId, global_id
from app.kernel.json import Json, dump

KINDS: Mapping[UserAction, SecurityEventKind] = {
    "CREATE": "USER_CREATED",
    "CHANGE_ROLE": "ROLE_CHANGED",
    "DISABLE": "USER_DISABLED",
    "ENABLE": "USER_ENABLED",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Who changes a user, from where, in which request: None, all of it, at the command line."""

    actor_id: UserId | None = None
    address: str | None = None
    request_id: str | None = None


def entry_of(
    id: UserAuditEntryId, action: UserAction, before: User | None, after: User, origin: Origin, now: datetime
) -> UserAuditEntry:
    old = None if before is None else _snapshot(before)
    return UserAuditEntry(id, after.id, origin.actor_id, action, old, _snapshot(after), origin.request_id, now)


def event_of(
    action: UserAction, before: User | None, after: User, origin: Origin, now: datetime
) -> SecurityEvent | None:
    """None for a change that concerns nobody's security."""
    kind = KINDS.get(action)
    if kind is None:
        return None
    facts: Mapping[str, str] = {"role": after.role}
    if before is not None and before.role != after.role:
        facts = {"from": before.role, "to": after.role}
    subject = global_id("User", after.id)
    return SecurityEvent(kind, origin.actor_id, subject, origin.address, origin.request_id, now, facts)


def _snapshot(user: User) -> Json:
    return dump({"name": user.name, "email": user.email, "role": user.role, "disabledAt": user.disabled_at})
