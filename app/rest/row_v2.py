"""A feature as v2 tells it: written by the store, so that no object and no dict is made of it, or made of the object
that the store gives instead; the bytes are the same (docs/engine.md, "What is not even made")."""

from datetime import datetime
from typing import TypedDict

import orjson

from app.domain.feature.model import Feature
from app.kernel.want import GAP, Excerpt, Outline, Part, Wanted
from app.rest.conditions import tag_of
from app.rest.fields import AnyObject, AnyStatus, Id
from app.rest.page_v2 import PageInfo


class FeatureV2(TypedDict):
    id: Id
    owner_id: Id
    name: str
    description: str | None
    status: AnyStatus
    metadata: AnyObject
    category: str | None
    tags: list[str]
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


NULLABLE = frozenset({"description", "category", "deleted_at"})
PARTS = tuple(Part(name, name in NULLABLE, small=name == "status") for name in FeatureV2.__annotations__)
NAMES = frozenset(FeatureV2.__annotations__)
WORDS = tuple(f'{"," if number else "{"}"{part.name}":' for number, part in enumerate(PARTS))
OF_PAGE = Wanted(NAMES.union(PageInfo.__annotations__), Outline(PARTS, (*WORDS, "}")))
# Behind the one that stands alone there is its version, for the tag.
ALONE = Wanted(NAMES, Outline((*PARTS, Part("version", False)), (*WORDS, f"}}{GAP}", "")))


def shape(feature: Feature) -> FeatureV2:
    return {
        "id": str(feature.id),
        "owner_id": str(feature.owner_id),
        "name": feature.name,
        "description": feature.description,
        "status": feature.status.lower(),
        "metadata": orjson.Fragment(feature.metadata.text),
        "category": feature.category,
        "tags": feature.tags,
        "version": feature.version,
        "created_at": feature.created_at,
        "updated_at": feature.updated_at,
        "deleted_at": feature.deleted_at,
    }


def of_page(feature: Feature) -> FeatureV2 | orjson.Fragment:
    """Of a page that was asked for as OF_PAGE."""
    return orjson.Fragment(feature.text) if isinstance(feature, Excerpt) else shape(feature)


def alone(feature: Feature) -> tuple[FeatureV2 | orjson.Fragment, str]:
    """Of one that was asked for as ALONE, or is an object anyway; and its tag."""
    if isinstance(feature, Excerpt):
        text, _, version = feature.text.rpartition(GAP)
        return orjson.Fragment(text), tag_of(int(version))
    return shape(feature), tag_of(feature.version)
