"""What a feature is, and how features are asked for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.domain.user.model import User
from app.kernel.cursor import Position
from app.kernel.ids import FeatureId, UserId
from app.kernel.json import Json
from app.kernel.page import Window
from app.kernel.range import DateTimeRange
from app.kernel.value import value
from app.kernel.want import Want

type FeatureStatus = Literal["ACTIVE", "INACTIVE", "ARCHIVED", "DELETED"]
type FeatureOrderField = Literal["CREATED_AT", "UPDATED_AT", "NAME", "STATUS"]
type Direction = Literal["ASC", "DESC"]

UNREAD = ("metadata", "description", "tags")  # where nobody wants them: they are large, or take long to decode


@value
class Feature:
    """`category` and `tags` are what `metadata` says under these names; the database keeps them beside it. `owner` is
    None where nobody asked for it (`Want`), and so is each of `UNREAD`."""

    id: FeatureId
    owner_id: UserId
    name: str
    description: str | None
    status: FeatureStatus
    status_before_delete: FeatureStatus | None
    metadata: Json
    category: str | None
    tags: list[str]
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    owner: User | None = None


@dataclass(frozen=True, slots=True)
class FeatureFilter:
    """Every condition that is given must hold. A tuple means: one of these. Deleted features are left out unless
    `status` names them or `include_deleted` is set."""

    search: str | None = None
    status: tuple[str, ...] | None = None
    category: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    owner_id: UserId | None = None
    created_at: DateTimeRange = DateTimeRange()
    updated_at: DateTimeRange = DateTimeRange()
    include_deleted: bool = False


@dataclass(frozen=True, slots=True)
class FeatureOrder:
    """Total: ties are broken by id, in the same direction."""

    field: FeatureOrderField = "CREATED_AT"
    direction: Direction = "DESC"

    @property
    def name(self) -> str:
        """What cursors are bound to: no list of anything else has it."""
        return f"Feature.{self.field}.{self.direction}"

    @property
    def temporal(self) -> bool:
        return self.field in ("CREATED_AT", "UPDATED_AT")

    def position_of(self, feature: Feature) -> Position:
        match self.field:
            case "CREATED_AT":
                return Position(feature.created_at, feature.id)
            case "UPDATED_AT":
                return Position(feature.updated_at, feature.id)
            case "NAME":
                return Position(feature.name, feature.id)
            case "STATUS":
                return Position(feature.status, feature.id)


@dataclass(frozen=True, slots=True)
class FeaturePageRequest:
    window: Window
    filter: FeatureFilter = FeatureFilter()
    order: FeatureOrder = FeatureOrder()
    want: Want = None

    def wanting(self, want: Want) -> "FeaturePageRequest":
        return FeaturePageRequest(self.window, self.filter, self.order, want)


@dataclass(frozen=True, slots=True)
class FeatureSliceRequest:
    """For the one list that is not paged by cursor (R10): at most `limit` features behind the first `offset`."""

    limit: int
    offset: int
    filter: FeatureFilter = FeatureFilter()
    order: FeatureOrder = FeatureOrder()


@value
class FeatureSlice:
    """`total`: of all slices together, at the same moment."""

    nodes: list[Feature]
    total: int


@value
class FeatureScope:
    """What a page is cut from: features that match, of `owner_id` (None: of any), visible to `visible_to`
    (None: to the actor any feature is visible)."""

    filter: FeatureFilter
    owner_id: UserId | None
    visible_to: UserId | None
