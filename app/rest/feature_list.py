"""What lists of features are sorted by, in both versions."""

from collections.abc import Mapping
from itertools import product
from typing import Literal, get_args

from app.domain.feature.model import Direction, FeatureOrder, FeatureOrderField

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
