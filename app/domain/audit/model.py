"""What happened to a feature, and how its history is asked for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.domain.user.model import User
from app.kernel.cursor import Position
from app.kernel.ids import AuditEntryId, FeatureId, UserId
from app.kernel.json import Json
from app.kernel.page import Window
from app.kernel.range import DateTimeRange
from app.kernel.value import value
from app.kernel.want import Want

type AuditAction = Literal["CREATE", "UPDATE", "ACTIVATE", "DEACTIVATE", "ARCHIVE", "DELETE", "RESTORE", "REVERT"]
type Parent = Literal["feature", "actor"]

# What is left unread where nobody wants any of these.
VALUES = ("changes", "old_values", "new_values")
METADATA = ("metadata",)

ORDER = "AuditEntry.CREATED_AT.DESC"  # entries come newest first, always


@value
class FieldChange:
    field: str
    old: object
    new: object


@value
class AuditEntry:
    """One change of one feature. Values are whole snapshots: `old_values` is None for a CREATE. `actor` is None where
    nobody asked for it (`Want`), and so is what belongs to `VALUES` or `METADATA`."""

    id: AuditEntryId
    feature_id: FeatureId
    owner_id: UserId
    actor_id: UserId | None
    action: AuditAction
    version: int
    changed_fields: list[str]
    old_values: Json | None
    new_values: Json | None
    metadata: Json
    created_at: datetime
    actor: User | None = None

    @property
    def changes(self) -> list[FieldChange]:
        """One per changed field, in the order of the fields."""
        old = self.old_values.parse_object() if self.old_values else {}
        new = self.new_values.parse_object() if self.new_values else {}
        return [FieldChange(field, old.get(field), new.get(field)) for field in self.changed_fields]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    action: tuple[str, ...] | None = None
    actor_id: UserId | None = None
    version: int | None = None
    created_at: DateTimeRange = DateTimeRange()


@dataclass(frozen=True, slots=True)
class AuditPageRequest:
    window: Window
    filter: AuditFilter = AuditFilter()
    want: Want = None

    def wanting(self, want: Want) -> "AuditPageRequest":
        return AuditPageRequest(self.window, self.filter, want)


@value
class AuditScope:
    """What a page is cut from: entries that match, of one feature or one actor (`parent` None: all), about features
    of `visible_to` (None: to the actor any entry is visible)."""

    filter: AuditFilter
    parent: Parent | None
    key: FeatureId | UserId | None
    visible_to: UserId | None


def position_of(entry: AuditEntry) -> Position:
    return Position(entry.created_at, entry.id)
