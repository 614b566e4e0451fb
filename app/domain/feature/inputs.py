"""What callers send to create and to change a feature, and what becomes of it under the rules."""

from dataclasses import dataclass, replace

from app.domain.feature import rules
from app.domain.feature.model import Feature
from app.kernel.cleaning import clean_name, refuse
from app.kernel.errors import Problem
from app.kernel.ids import UserId
from app.kernel.json import Json, dump


class Absent:
    """Not sent, which is not null."""


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class FeatureDraft:
    """`owner_id` None: the actor's own. `metadata` is any JSON value here; the rules want an object."""

    name: str
    description: str | None = None
    metadata: object = None
    owner_id: UserId | None = None


@dataclass(frozen=True, slots=True)
class FeaturePatch:
    """A field that is ABSENT stays as it is; null clears the description and is refused elsewhere."""

    name: str | None | Absent = ABSENT
    description: str | None | Absent = ABSENT
    metadata: object = ABSENT


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A patch that keeps the rules; ABSENT as before."""

    name: str | Absent = ABSENT
    description: str | None | Absent = ABSENT
    metadata: Json | Absent = ABSENT

    def applied_to(self, feature: Feature) -> Feature:
        if not isinstance(self.name, Absent):
            feature = replace(feature, name=self.name)
        if not isinstance(self.description, Absent):
            feature = replace(feature, description=self.description)
        if not isinstance(self.metadata, Absent):
            feature = replace(feature, metadata=self.metadata)
        return feature


def clean(patch: FeaturePatch) -> Cleaned:
    """Raises InvalidInput with every field that breaks a rule."""
    problems: list[Problem] = []
    cleaned = Cleaned(
        ABSENT if isinstance(patch.name, Absent) else clean_name(patch.name, problems),
        ABSENT if isinstance(patch.description, Absent) else rules.clean_description(patch.description, problems),
        ABSENT if isinstance(patch.metadata, Absent) else dump(rules.clean_metadata(patch.metadata, problems)),
    )
    refuse(problems)
    return cleaned
