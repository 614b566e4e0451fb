"""What a write leaves behind: its entry in the trail, and the event that others are told of."""

from app.domain.audit.model import AuditAction, AuditEntry
from app.domain.feature.model import Feature
from app.kernel.errors import Conflict
from app.kernel.ids import AuditEntryId, UserId
from app.kernel.json import Json, alike, dump
from app.kernel.value import value

CHANGED = "feature.changed"  # the type of the event
FIELDS = ("name", "description", "status", "metadata")  # what a snapshot holds, in this order


@value
class Origin:
    """Who asked for a write, None: the operator, and in which request."""

    actor_id: UserId | None
    request_id: str


@value
class Change:
    """A feature as it was (None: it was not) and as it shall be, and the entry that says so.

    `after.version`, `after.updated_at` and the entry's time are proposals: the store makes time move on per feature.
    """

    before: Feature | None
    after: Feature
    entry: AuditEntry

    @property
    def active_delta(self) -> int:
        """By how many the owner's active features grow: -1, 0 or 1."""
        was = self.before is not None and self.before.status == "ACTIVE"
        return int(self.after.status == "ACTIVE") - int(was)


def snapshot(feature: Feature) -> dict[str, object]:
    return {field: getattr(feature, field) for field in FIELDS}


def changed_fields(before: Feature | None, after: Feature) -> list[str]:
    """Names of the fields that differ, in the order of FIELDS; JSON is compared by what it says."""
    if before is None:
        return list(FIELDS)
    old, new = snapshot(before), snapshot(after)
    old["metadata"], new["metadata"] = before.metadata.parse(), after.metadata.parse()
    return [field for field in FIELDS if not alike(old[field], new[field])]


def conflicts(current: Feature, outcome: Feature) -> list[Conflict]:
    """The fields that the caller wants to be other than they are by now."""
    now, wanted = snapshot(current), snapshot(outcome)
    return [Conflict(field, now[field], wanted[field]) for field in changed_fields(current, outcome)]


def change(
    entry_id: AuditEntryId, before: Feature | None, after: Feature, action: AuditAction, origin: Origin
) -> Change:
    return Change(
        before,
        after,
        AuditEntry(
            id=entry_id,
            feature_id=after.id,
            owner_id=after.owner_id,
            actor_id=origin.actor_id,
            action=action,
            version=after.version,
            changed_fields=changed_fields(before, after),
            old_values=dump(snapshot(before)) if before else None,
            new_values=dump(snapshot(after)),
            metadata=dump({"requestId": origin.request_id}),
            created_at=after.updated_at,
        ),
    )


def event_payload(change: Change) -> Json:
    """The outbox row's document, by the names of the GraphQL schema."""
    return dump(
        {
            "action": change.entry.action,
            "featureId": str(change.after.id),
            "ownerId": str(change.after.owner_id),
            "actorId": None if change.entry.actor_id is None else str(change.entry.actor_id),
            "version": change.after.version,
            "requestId": change.entry.metadata.parse_object()["requestId"],
            "newValues": change.entry.new_values,
        }
    )
