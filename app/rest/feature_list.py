"""What lists of features are searched and sorted by, in both versions."""

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Literal, get_args

from pydantic import Field

from app.domain.feature import rules
from app.domain.feature.model import Direction, FeatureOrder, FeatureOrderField
from app.rest.fields import NO_NUL

Search = Annotated[str | None, Field(max_length=rules.MAX_SEARCH, json_schema_extra={"pattern": NO_NUL})]

Label = Annotated[str, Field(json_schema_extra={"pattern": NO_NUL})]
Labels = Annotated[tuple[Label, ...], Field(json_schema_extra={"maxItems": rules.MAX_LABELS})]

type Sort = Literal[
    "created_at:desc",
    "created_at:asc",
    "updated_at:desc",
    "updated_at:asc",
    "name:desc",
    "name:asc",
    "status:desc",
    "status:asc",
]

FIELDS: tuple[FeatureOrderField, ...] = get_args(FeatureOrderField.__value__)
DIRECTIONS: tuple[Direction, ...] = get_args(Direction.__value__)
ORDERS: Mapping[str, FeatureOrder] = {
    f"{field}:{direction}".lower(): FeatureOrder(field, direction) for field, direction in product(FIELDS, DIRECTIONS)
}
