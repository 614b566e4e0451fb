"""Statements that read features; columns come in the order of the domain object's fields."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from functools import lru_cache
from typing import cast

import asyncpg
from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, bindparam, func, select, true

from app.db import excerpt, keyset
from app.db.database import Database
from app.db.excerpt import Binds, Excerpts
from app.db.feature_filter import conditions, values_of
from app.db.feature_write import COLUMNS, SqlFeatureWork, binds_of, creation_statement, write
from app.db.reading import Found, FoundTexts, Reading, Readings
from app.db.statement import Statement
from app.db.tables import features, users
from app.domain.feature.events import Change
from app.domain.feature.model import (
    UNREAD,
    Feature,
    FeatureOrder,
    FeaturePageRequest,
    FeatureScope,
    FeatureSlice,
    FeatureSliceRequest,
)
from app.domain.feature.ports import FeaturePage
from app.kernel.cursor import encode_cursor
from app.kernel.errors import DomainError, DuplicateName, LimitExceeded
from app.kernel.ids import FeatureId, UserId
from app.kernel.page import Fetched, cut
from app.kernel.want import Excerpt, Want

SORTS = {
    "CREATED_AT": features.c.created_at,
    "UPDATED_AT": features.c.updated_at,
    "NAME": features.c.name,
    "STATUS": features.c.status,
}
OWNERS = bindparam("ids", type_=ARRAY(Uuid))
WHOLE = keyset.Shape(after=False, before=False, backward=False)
LIVE: Mapping[str, object] = {"live": True}
UNFILTERED = {("live",), ("live", "visible_to")}
OWNER = [column.name for column in COLUMNS].index("owner_id")
READINGS = Readings(
    Feature,
    COLUMNS,
    {(name,): (name,) for name in UNREAD},
    "owner",
    "owner_id",
    excerpt.words_of("Feature", COLUMNS, ("status",)),
)
BY_NAME = Statement(
    "feature.by_name",
    select(features.c.id).where(
        features.c.owner_id == bindparam("owner_id"),
        features.c.name == bindparam("name"),
        features.c.status != "DELETED",
    ),
)


@lru_cache(32)
def by_ids_statement(reading: Reading[Feature], one: bool) -> Statement:
    found = select(*reading.columns).where(_is_named(one))
    if reading.along:
        found = found.add_columns(*reading.along.columns).join(users, users.c.id == features.c.owner_id)
    return Statement("feature.by_ids", found)


@lru_cache(64)
def written_statement(names: tuple[str, ...], one: bool, written: Excerpts) -> Statement:
    return Statement("feature.by_ids", written.select(features).where(_is_named(one), *conditions(names)))


def _is_named(one: bool) -> ColumnElement[bool]:
    return features.c.id == (bindparam("of_id") if one else any_(OWNERS))


@lru_cache(512)
def page_statement(
    names: tuple[str, ...],
    order: FeatureOrder,
    shape: keyset.Shape,
    of_owners: bool,
    reading: Reading[Feature] | Excerpts,
) -> Statement:
    parent = features.c.owner_id if of_owners else None
    listed = reading.keyset(SORTS[order.field], features.c.id, order.direction == "ASC", parent)
    page = keyset.page_select(listed, conditions(names), shape, parent, alike=names in UNFILTERED)
    return Statement("feature.page", page)


@lru_cache(512)
def slice_statement(names: tuple[str, ...], order: FeatureOrder) -> Statement:
    """The only OFFSET there is (R10). Each row ends with the total; a slice without features is a row of nulls."""
    where, up = conditions(names), order.direction == "ASC"
    total = select(func.count().label("total")).select_from(features).where(*where).subquery("counted")
    by = [column.asc() if up else column.desc() for column in (SORTS[order.field], features.c.id)]
    rows = select(*COLUMNS).where(*where).order_by(*by).limit(bindparam("size")).offset(bindparam("skipped"))
    page = rows.lateral("page")
    found = select(*page.c, total.c.total).select_from(total.outerjoin(page, true()))
    return Statement("feature.slice", found)


@lru_cache(512)
def count_statement(names: tuple[str, ...], of_owners: bool) -> Statement:
    where = conditions(names)
    if not of_owners:
        return Statement("feature.count", select(func.count()).select_from(features).where(*where))
    owner_id = features.c.owner_id
    counted = select(func.count(), owner_id).where(owner_id == any_(OWNERS), *where).group_by(owner_id)
    return Statement("feature.count", counted)


class SqlFeatures:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch_by_ids(
        self, ids: Sequence[FeatureId], want: Want, visible_to: UserId | None
    ) -> Mapping[FeatureId, Feature]:
        one = len(ids) == 1
        # An array costs asyncpg 12 µs more to encode, as measured: a quarter of the whole read.
        binds: dict[str, object] = {"of_id": ids[0]} if one else {"ids": ids}
        scope = LIVE if visible_to is None else {**LIVE, "visible_to": visible_to}

        def statement(reading: Reading[Feature] | Excerpts) -> Statement:
            if isinstance(reading, Excerpts):
                return written_statement(tuple(scope), one, reading)
            return by_ids_statement(reading, one)

        rows, make, _ = await READINGS.rows(self._database.fetch, want, statement, WHOLE, OWNER, {**scope, **binds})
        return {row[0]: make(row) for row in rows}

    async def fetch_page(self, request: FeaturePageRequest, visible_to: UserId | None) -> FeaturePage:
        scope = FeatureScope(request.filter, None, visible_to)
        found = await self._fetch(request, scope, False, {})
        return _page(found.page(request.window), request, scope)

    async def fetch_slice(self, request: FeatureSliceRequest, visible_to: UserId | None) -> FeatureSlice:
        values = values_of(FeatureScope(request.filter, None, visible_to))
        statement = slice_statement(tuple(values), request.order)
        rows = await self._database.fetch(statement, **values, size=request.limit, skipped=request.offset)
        return FeatureSlice([Feature(*row[:-1]) for row in rows if row[0] is not None], rows[0][-1])

    async def fetch_pages_of_owners(
        self, ids: Sequence[UserId], request: FeaturePageRequest, visible_to: UserId | None
    ) -> Mapping[UserId, FeaturePage]:
        scope = FeatureScope(request.filter, None, visible_to)
        found = await self._fetch(request, scope, True, {"ids": ids})
        return {
            id: _page(fetched, request, FeatureScope(request.filter, id, visible_to))
            for id, fetched in found.pages(ids, request.window).items()
        }

    async def fetch_counts(self, scopes: Sequence[FeatureScope]) -> Mapping[FeatureScope, int]:
        """One statement per filter, however many owners."""
        found = dict.fromkeys(scopes, 0)
        for like in {FeatureScope(scope.filter, None, scope.visible_to) for scope in scopes}:
            of_owners = {s.owner_id: s for s in scopes if (s.filter, s.visible_to) == (like.filter, like.visible_to)}
            values, plain = values_of(like), of_owners.pop(None, None)
            if plain is not None:
                found[plain] = (await self._database.fetch(count_statement(tuple(values), False), **values))[0][0]
            if of_owners:
                statement = count_statement(tuple(values), True)
                for row in await self._database.fetch(statement, ids=list(of_owners), **values):
                    found[of_owners[row[1]]] = row[0]
        return found

    async def create(self, change: Change, active_limit: int, want: Want) -> Feature | None:
        try:
            if found := READINGS.excerpts(want):
                created = await self._created(change, active_limit, *found)
            else:
                created = await write(self._database.fetch, change, active_limit)
        except asyncpg.IntegrityConstraintViolationError as error:
            if told := await self._broken_law(error.constraint_name, change, active_limit):
                raise told from error
            raise
        self._database.pool.announced()
        return created

    async def _created(self, change: Change, active_limit: int, written: Excerpts, words: Binds) -> Feature | None:
        """An excerpt of the feature, or the feature where it cannot be written."""
        statement = excerpt.saying(creation_statement(written), words)
        rows = await self._database.fetch(statement, **binds_of(change, active_limit))
        if excerpt.complete(rows):
            return cast(Feature, excerpt.make(rows[0])) if rows else None  # as pages hold them
        return (await self.fetch_by_ids([change.after.id], None, None))[change.after.id]

    def in_parts(self) -> AbstractContextManager[bool]:
        return self._database.in_parts()

    @asynccontextmanager
    async def work(self) -> AsyncIterator[SqlFeatureWork]:
        work: SqlFeatureWork | None = None
        try:
            async with self._database.transaction() as transaction:
                work = SqlFeatureWork(transaction)
                yield work
        except asyncpg.IntegrityConstraintViolationError as error:
            if work is None or work.tried is None:
                raise
            if told := await self._broken_law(error.constraint_name, work.tried, work.active_limit):
                raise told from error
            raise
        if work.tried is not None:
            self._database.pool.announced()

    async def _broken_law(self, constraint: str | None, change: Change, active_limit: int) -> DomainError | None:
        """What the constraint stands for; None where to break it is a bug of ours."""
        if constraint == "users_active_features_within_limit":
            return LimitExceeded(active_limit)
        if constraint != "features_name_unique":
            return None
        before, after = change.before, change.after
        rows = await self._database.fetch(BY_NAME, owner_id=after.owner_id, name=after.name)
        sent = before is None or before.name != after.name
        return DuplicateName(rows[0][0] if rows else None, ("name",) if sent else None)

    async def _fetch(
        self, request: FeaturePageRequest, scope: FeatureScope, of_owners: bool, binds: dict[str, object]
    ) -> Found | FoundTexts:
        values, shape = values_of(scope), keyset.shape_of(request.window)

        def statement(reading: Reading[Feature] | Excerpts) -> Statement:
            return page_statement(tuple(values), request.order, shape, of_owners, reading)

        binds = {**values, **binds}
        return await READINGS.pages(self._database.fetch, request.want, statement, request.window, OWNER, binds)


def _page(fetched: Fetched[Feature], request: FeaturePageRequest, scope: FeatureScope) -> FeaturePage:
    order = request.order

    def cursor_of(feature: Feature | Excerpt) -> str:
        position = feature.position if isinstance(feature, Excerpt) else order.position_of(feature)
        return encode_cursor(order.name, position.sort, position.id)

    return cut(fetched, request.window, cursor_of, scope)
