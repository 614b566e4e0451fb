"""What others are told of a change, and how much of it they have not been told yet."""

from datetime import datetime
from uuid import UUID

from app.kernel.ids import FeatureId, UserId
from app.kernel.json import Json
from app.kernel.value import value


@value
class Event:
    """Its id is that of the entry in the trail, so it is the same however often it is told. `payload` is made by
    `domain/feature/events.py`."""

    id: UUID
    type: str
    feature_id: FeatureId
    version: int
    actor_id: UserId | None
    at: datetime
    payload: Json


@value
class Waiting:
    """How many events wait, counted up to a bound, and since when the first of them has; None: none does."""

    events: int
    since: datetime | None
