"""What callers send to create and to change a feature, and what becomes of it under the rules."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.domain.feature import rules
from app.domain.feature.model import Feature
from app.kernel.cleaning import clean_name, refuse
from app.kernel.errors import Problem
from app.kernel.ids import UserId
from app.kernel.json import Json, dump, merge_patch


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
    """A field that is ABSENT stays as it is; null clears the description and is refused elsewhere. `merges`: the
    metadata are merged into what is there (RFC 7396), not put in its place."""

    name: str | None | Absent = ABSENT
    description: str | None | Absent = ABSENT
    metadata: object = ABSENT
    merges: bool = False


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A patch that keeps the rules; ABSENT as before. Whether `merged` keeps them shows with the feature: `check`."""

    name: str | Absent = ABSENT
    description: str | None | Absent = ABSENT
    metadata: Json | Absent = ABSENT
    merged: Mapping[str, object] | Absent = ABSENT

    def applied_to(self, feature: Feature) -> Feature:
        given = {"name": self.name, "description": self.description, "metadata": self.metadata}
        if not isinstance(self.merged, Absent):
            given["metadata"] = dump(merge_patch(feature.metadata.parse(), self.merged))
        changed: dict[str, Any] = {field: new for field, new in given.items() if not isinstance(new, Absent)}
        return replace(feature, **changed)

    def check(self, feature: Feature) -> None:
        """Raises InvalidInput where the metadata, once merged, break a rule."""
        if not isinstance(self.merged, Absent):
            problems: list[Problem] = []
            rules.clean_metadata(merge_patch(feature.metadata.parse(), self.merged), problems)
            refuse(problems)


def clean_draft(draft: FeatureDraft) -> tuple[str, str | None, Json]:
    """(name, description, metadata). Raises InvalidInput with every field that breaks a rule."""
    problems: list[Problem] = []
    name = clean_name(draft.name, problems)
    description = rules.clean_description(draft.description, problems)
    metadata = rules.clean_metadata({} if draft.metadata is None else draft.metadata, problems)
    refuse(problems)
    return name, description, dump(metadata)


def clean(patch: FeaturePatch) -> Cleaned:
    """Raises InvalidInput with every field that breaks a rule."""
    problems: list[Problem] = []
    name = ABSENT if isinstance(patch.name, Absent) else clean_name(patch.name, problems)
    description: str | None | Absent = ABSENT
    if not isinstance(patch.description, Absent):
        description = rules.clean_description(patch.description, problems)
    metadata: Json | Absent = ABSENT
    merged: Mapping[str, object] | Absent = ABSENT
    if isinstance(patch.metadata, Absent):
        pass
    elif patch.merges:
        merged = rules.clean_object(patch.metadata, problems)
    else:
        metadata = dump(rules.clean_metadata(patch.metadata, problems))
    refuse(problems)
    return Cleaned(name, description, metadata, merged)
