"""Many writes in one call: what each of them is, and what may come of it."""

from dataclasses import dataclass
from datetime import timedelta

from app.domain.feature.acts import Act, Settable
from app.domain.feature.inputs import FeatureDraft, FeaturePatch
from app.domain.feature.model import Feature
from app.kernel.errors import DomainError
from app.kernel.ids import FeatureId

MAX_ITEMS = 1_000
PATIENCE = timedelta(seconds=30)  # after which no further item is begun


@dataclass(frozen=True, slots=True)
class Creation:
    draft: FeatureDraft


@dataclass(frozen=True, slots=True)
class Update:
    """`expected_version` None: whatever the version is."""

    id: FeatureId
    patch: FeaturePatch
    expected_version: int | None
    status: Settable | None = None


@dataclass(frozen=True, slots=True)
class Doing:
    """An act that needs nothing besides; `expected_version` as of an update."""

    id: FeatureId
    act: Act
    expected_version: int | None


type Item = Creation | Update | Doing
type Outcome = Feature | DomainError
