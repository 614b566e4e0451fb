"""The write of a feature: counter, feature, audit entry and outbox row in one statement (R2, R6, R46).

counted    UPDATE users: the owner's active features, bound by a CHECK; only where the status asks for it
written    INSERT or UPDATE features, from `counted` where there is one: the counter's row is locked first, always,
           so that two writers of one owner never wait for each other crosswise
logged     INSERT audit_entries, at the time of the feature's row
announced  INSERT outbox, the same
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BindParameter,
    Integer,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    func,
    insert,
    null,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.db import user
from app.db.database import Rows, Transaction
from app.db.excerpt import Excerpts
from app.db.statement import Statement
from app.db.tables import audit_entries, features, outbox, users
from app.domain.feature.events import CHANGED, Change, event_payload
from app.domain.feature.model import Feature
from app.domain.user.model import User
from app.kernel.ids import FeatureId, UserId
from app.kernel.json import Json

COLUMNS = tuple(column for column in features.c if column.name != "search")
MUTABLE = ("name", "description", "status", "status_before_delete", "metadata", "version", "deleted_at")
FOR_UPDATE = Statement(
    "feature.for_update", select(*COLUMNS).where(features.c.id == bindparam("of_id")).with_for_update(key_share=True)
)
VISIBLE_TO = bindparam("visible_to", type_=Uuid)
IDS = bindparam("ids", type_=ARRAY(Uuid))
ALL_FOR_UPDATE = Statement(
    "feature.all_for_update",
    select(*COLUMNS)
    .where(features.c.id == any_(IDS), or_(VISIBLE_TO.is_(None), features.c.owner_id == VISIBLE_TO))
    .order_by(features.c.id)
    .with_for_update(key_share=True),
)
OWNERS = Statement(
    "user.lock", select(users.c.id).where(users.c.id == any_(IDS)).order_by(users.c.id).with_for_update(key_share=True)
)
VALUES_AT = Statement(
    "audit.values_at",
    select(audit_entries.c.new_values).where(
        audit_entries.c.feature_id == bindparam("of_id"),
        audit_entries.c.version == bindparam("of_version", type_=Integer),
    ),
)


def _binds(prefix: str, names: Sequence[str]) -> Callable[[object], Mapping[str, object]]:
    """What takes the attributes of an object, as binds."""
    keys, values = [f"{prefix}_{name}" for name in names], attrgetter(*names)
    return lambda found: dict(zip(keys, values(found), strict=True))


OF_FEATURE = _binds("feature", ("id", "owner_id", *MUTABLE, "created_at", "updated_at"))
OF_ENTRY = _binds("entry", ("id", "actor_id", "action", "changed_fields", "old_values", "new_values", "metadata"))


def _of_feature(name: str) -> BindParameter[object]:
    return bindparam(f"feature_{name}", type_=features.c[name].type)


def _of_entry(name: str) -> BindParameter[object]:
    return bindparam(f"entry_{name}", type_=audit_entries.c[name].type)


@cache
def write_statement(creates: bool, counts: bool) -> Statement:
    counted = _counted() if counts else None
    written = _inserted(counted) if creates else _updated(counted)
    logged = _logged(written)
    announced = _announced(written)
    statement = select(*(written.c[column.name] for column in COLUMNS)).add_cte(logged, announced)
    if creates and counted is not None:
        statement = statement.add_columns(*(counted.c[f"owner_{column.name}"] for column in user.COLUMNS))
        statement = statement.select_from(written.join(counted, true()))
    return Statement("feature.insert" if creates else "feature.update", statement)


@lru_cache(64)
def creation_statement(excerpts: Excerpts) -> Statement:
    """The same of a new feature, which counts; it gives the feature's excerpt, as `Excerpts.select` does."""
    counted = _counted()
    written = _inserted(counted)
    theirs = {column.name: counted.c[f"owner_{column.name}"] for column in user.COLUMNS}
    text = excerpts.text(dict(written.c.items()), theirs)
    statement = select(written.c.id, text, null()).select_from(written.join(counted, true()))
    return Statement("feature.insert", statement.add_cte(_logged(written), _announced(written)))


def _counted() -> CTE:
    delta, limit = bindparam("active_delta", type_=Integer), bindparam("new_limit", type_=Integer)
    return (
        update(users)
        .where(users.c.id == _of_feature("owner_id"))
        .values(
            active_features=users.c.active_features + delta,
            active_limit=case((delta > 0, limit), else_=users.c.active_limit),  # a lower limit never traps a feature
        )
        .returning(users.c.id, *(column.label(f"owner_{column.name}") for column in user.COLUMNS))
        .cte("counted")
    )


def _inserted(counted: CTE | None) -> CTE:
    names = ("id", *MUTABLE, "created_at", "updated_at")
    source = select(users.c.id) if counted is None else select(counted.c.id)
    if counted is None:
        source = source.where(users.c.id == _of_feature("owner_id"))
    values = source.add_columns(*(_of_feature(name) for name in names))
    return insert(features).from_select(["owner_id", *names], values).returning(*COLUMNS).cte("written")


def _updated(counted: CTE | None) -> CTE:
    now = func.greatest(_of_feature("updated_at"), features.c.updated_at + text("interval '1 microsecond'"))
    changed = (
        update(features)
        .where(features.c.id == _of_feature("id"))
        .values(
            **{name: _of_feature(name) for name in MUTABLE if name != "deleted_at"},
            updated_at=now,
            deleted_at=case((_of_feature("deleted_at").is_not(None), now), else_=null()),  # never before updated_at
        )
    )
    if counted is not None:
        changed = changed.where(features.c.owner_id == counted.c.id)
    return changed.returning(*COLUMNS).cte("written")


def _logged(written: CTE) -> CTE:
    given = ("id", "actor_id", "action", "changed_fields", "old_values", "new_values", "metadata")
    of_row = select(written.c.id, written.c.owner_id, written.c.version, written.c.updated_at)
    values = of_row.add_columns(*(_of_entry(name) for name in given))
    names = ["feature_id", "owner_id", "version", "created_at", *given]
    return insert(audit_entries).from_select(names, values).returning(audit_entries.c.id).cte("logged")


def _announced(written: CTE) -> CTE:
    values = select(
        written.c.id,
        written.c.updated_at,
        _of_entry("id"),
        bindparam("event_type", type_=Text),
        bindparam("event_payload", type_=JSONB),
    )
    names = ["feature_id", "created_at", "event_id", "type", "payload"]
    return insert(outbox).from_select(names, values).returning(outbox.c.id).cte("announced")


type Fetch = Callable[..., Awaitable[Rows]]  # of a transaction, or of the database: a transaction of its own


async def write(fetch: Fetch, change: Change, active_limit: int) -> Feature | None:
    """The feature as written; None where its owner does not exist."""
    statement = write_statement(change.before is None, change.active_delta != 0)
    rows = await fetch(statement, **binds_of(change, active_limit))
    return _written(tuple(rows[0])) if rows else None


def binds_of(change: Change, active_limit: int) -> dict[str, object]:
    return {
        **OF_FEATURE(change.after),
        **OF_ENTRY(change.entry),
        "active_delta": change.active_delta,
        "new_limit": active_limit,
        "event_type": CHANGED,
        "event_payload": event_payload(change),
    }


class SqlFeatureWork:
    """`tried` and `active_limit` are of the last write: whoever translates a broken law needs them."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.tried: Change | None = None
        self.active_limit = 0

    async def fetch_for_update(self, id: FeatureId) -> Feature | None:
        rows = await self._transaction.fetch(FOR_UPDATE, of_id=id)
        return Feature(*rows[0]) if rows else None

    async def fetch_all_for_update(
        self, ids: Sequence[FeatureId], visible_to: UserId | None
    ) -> Mapping[FeatureId, Feature]:
        rows = await self._transaction.fetch(ALL_FOR_UPDATE, ids=ids, visible_to=visible_to)
        return {row[0]: Feature(*row) for row in rows}

    async def fetch_values_at(self, id: FeatureId, version: int) -> Json | None:
        rows = await self._transaction.fetch(VALUES_AT, of_id=id, of_version=version)
        return rows[0][0] if rows else None

    async def lock_owners(self, ids: Sequence[UserId]) -> None:
        await self._transaction.fetch(OWNERS, ids=ids)

    async def write(self, change: Change, active_limit: int) -> Feature | None:
        self.tried, self.active_limit = change, active_limit
        return await write(self._transaction.fetch, change, active_limit)


def _written(cells: tuple[Any, ...]) -> Feature:
    """With its owner, where the counter's row was read back."""
    width = len(COLUMNS)
    owner = [User(*cells[width:])] if len(cells) > width else []
    return Feature(*cells[:width], *owner)
