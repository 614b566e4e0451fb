"""The conditions of a feature scope: which of them apply decides the statement's text, their values are bound."""

from collections.abc import Callable, Mapping

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, any_, bindparam, cast, func, literal_column
from sqlalchemy.dialects.postgresql import TIMESTAMP

from app.db.tables import features
from app.domain.feature.model import FeatureScope

column = features.c
TIME = TIMESTAMP(timezone=True)


def _one_of(name: str) -> ColumnElement[bool]:
    return column[name] == any_(bindparam(name, type_=ARRAY(Text)))


def _matches_search() -> ColumnElement[bool]:
    """websearch_to_tsquery takes anything that people type, and raises for nothing."""
    query = func.websearch_to_tsquery(literal_column("'english'::regconfig"), bindparam("search", type_=Text))
    return column.search.op("@@", is_comparison=True)(query)


CONDITIONS: Mapping[str, Callable[[], ColumnElement[bool]]] = {
    "live": lambda: column.status != literal_column("'DELETED'"),
    "visible_to": lambda: column.owner_id == bindparam("visible_to", type_=Uuid),
    "owner_id": lambda: column.owner_id == bindparam("owner_id", type_=Uuid),
    "status": lambda: _one_of("status"),
    "category": lambda: _one_of("category"),
    "tags": lambda: column.tags.op("&&", is_comparison=True)(cast(bindparam("tags", type_=ARRAY(Text)), ARRAY(Text))),
    "search": _matches_search,
    "created_from": lambda: column.created_at >= bindparam("created_from", type_=TIME),
    "created_until": lambda: column.created_at < bindparam("created_until", type_=TIME),
    "updated_from": lambda: column.updated_at >= bindparam("updated_from", type_=TIME),
    "updated_until": lambda: column.updated_at < bindparam("updated_until", type_=TIME),
}


def conditions(names: tuple[str, ...]) -> list[ColumnElement[bool]]:
    return [CONDITIONS[name]() for name in names]


def values_of(scope: FeatureScope) -> dict[str, object]:
    """By the name of each condition that applies; `live` has no value. The scope's owner is not among them: it is the
    parent of a page."""
    wanted = scope.filter
    values: dict[str, object | None] = {
        "live": None if wanted.include_deleted or wanted.status is not None else True,
        "visible_to": scope.visible_to,
        "owner_id": wanted.owner_id,
        "status": wanted.status,
        "category": wanted.category,
        "tags": wanted.tags,
        "search": wanted.search,
        "created_from": wanted.created_at.start,
        "created_until": wanted.created_at.end,
        "updated_from": wanted.updated_at.start,
        "updated_until": wanted.updated_at.end,
    }
    return {name: value for name, value in values.items() if value is not None}
