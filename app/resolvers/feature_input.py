"""Inputs of mutations on features -> the domain's; `at` is where the input stands in the arguments."""

from typing import Any

import strawberry

from app.domain.feature.inputs import ABSENT, FeatureDraft, FeaturePatch
from app.kernel.errors import Path
from app.kernel.ids import FeatureId, UserId, key_of
from app.schema import mutation as m
from app.schema.words import given

INPUT: Path = ("input",)


def key_at(id: str, at: Path = INPUT) -> FeatureId:
    """Raises BadUserInput."""
    return FeatureId(key_of("Feature", id, (*at, "id")))


def draft_of(input: m.CreateFeatureInput, at: Path = INPUT) -> FeatureDraft:
    """Raises BadUserInput."""
    owner_id = given(input.owner_id)
    return FeatureDraft(
        input.name,
        given(input.description),
        given(input.metadata),
        None if owner_id is None else UserId(key_of("User", owner_id, (*at, "ownerId"))),
    )


def patch_of(input: m.UpdateFeatureInput) -> FeaturePatch:
    return FeaturePatch(_patched(input.name), _patched(input.description), _patched(input.metadata))


def _patched(field: Any) -> Any:
    return ABSENT if field is strawberry.UNSET else field
