"""The catalogue's rows by COPY and INSERT … SELECT: what exists is left alone, what is added keeps every law.

The SQL is text: it is about temporary tables and ids that the server derives. A transaction uses only what it staged
itself, so PgBouncer in transaction mode may stand between. Nothing is put into the outbox: its events tell of changes
as they happen, and nobody is to be notified of what happened in 2017.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass

import asyncpg

from app.db.failure import AWAY, unavailable
from app.domain.audit.model import AuditEntry
from app.domain.feature.model import Feature
from app.domain.user.model import User
from app.kernel.json import Json

CONNECT_TIMEOUT = 5.0  # seconds; a statement may take as long as it needs

STAGE = """
SET LOCAL jit = off;
SET LOCAL work_mem = '64MB';
CREATE TEMPORARY TABLE seed_users ON COMMIT DROP AS
    SELECT id, name, email, role, created_at FROM users WITH NO DATA;
CREATE TEMPORARY TABLE seed_features ON COMMIT DROP AS
    SELECT id, owner_id, name, description, status, metadata, version, created_at, updated_at
    FROM features WITH NO DATA;
CREATE TEMPORARY TABLE seed_entries ON COMMIT DROP AS
    SELECT id, feature_id, action, version, changed_fields, old_values, new_values, metadata, created_at
    FROM audit_entries WITH NO DATA;
"""
ANALYZE_STAGE = "ANALYZE seed_users, seed_features, seed_entries"
ANALYZE = "ANALYZE users, features, audit_entries"


def _copied(id: str) -> str:
    """SQL: the id in that copy, whose number stands in the middle (`app.seed.identity`). So each copy's rows lie beside
    those of the copy before, in every index: with random ids the thousandth copy takes twice as long as the first."""
    number = "lpad(to_hex(copy), 6, '0')"
    return f"(left({id}::text, 15) || left({number}, 3) || '-a' || right({number}, 3) || right({id}::text, 13))::uuid"


COPIES = "generate_series($1::integer, $2::integer) AS copy"
# Who owns something in that copy, and in the first one everybody.
PEOPLE = f"""
    SELECT {_copied("id")} AS id, name, role, created_at,
        CASE copy WHEN 0 THEN email ELSE replace(email, '@', '+' || copy || '@') END AS email
    FROM seed_users CROSS JOIN {COPIES}
    WHERE copy = 0 OR EXISTS (SELECT FROM seed_features WHERE owner_id = seed_users.id)
"""
# Where an email is somebody else's already, that owner is left out, and so are the owner's features.
INSERT_USERS = f"""
WITH added AS (
    INSERT INTO users (id, name, email, role, created_at)
    SELECT id, name, email, role, created_at FROM ({PEOPLE}) AS people ORDER BY id
    ON CONFLICT DO NOTHING
    RETURNING id
)
SELECT count(*) FROM added
"""
# Until the commit nobody gives these owners a feature or changes their counter.
LOCK_OWNERS = f"SELECT FROM users WHERE id IN (SELECT id FROM ({PEOPLE}) AS people) ORDER BY id FOR UPDATE"
# `active` counts an owner's missing features that are active, up to this one: for what has no room is none made (R6).
INSERT_FEATURES = f"""
WITH candidate AS MATERIALIZED (
    SELECT copy, id AS original, {_copied("id")} AS id, {_copied("owner_id")} AS owner_id, name, status
    FROM seed_features CROSS JOIN {COPIES}
), missing AS (
    SELECT candidate.*, active_limit - active_features AS room,
        count(*) FILTER (WHERE status = 'ACTIVE') OVER (PARTITION BY owner_id ORDER BY original) AS active
    FROM candidate JOIN users ON users.id = owner_id
    WHERE NOT EXISTS (SELECT FROM features WHERE features.id = candidate.id)
        AND NOT EXISTS (SELECT FROM features WHERE features.owner_id = candidate.owner_id
            AND features.name = candidate.name AND features.status <> 'DELETED')
), chosen AS MATERIALIZED (
    SELECT copy, original, id, owner_id FROM missing WHERE status <> 'ACTIVE' OR active <= room
), added AS (
    INSERT INTO features (id, owner_id, name, description, status, metadata, version, created_at, updated_at)
    SELECT chosen.id, chosen.owner_id, name, description, status, metadata, version, created_at, updated_at
    FROM chosen JOIN seed_features ON seed_features.id = original
    ON CONFLICT DO NOTHING
    RETURNING id, owner_id, status
), counted AS (
    UPDATE users SET active_features = active_features + more.count
    FROM (SELECT owner_id, count(*) FROM added WHERE status = 'ACTIVE' GROUP BY owner_id) AS more
    WHERE users.id = more.owner_id
), entered AS (
    INSERT INTO audit_entries (id, feature_id, owner_id, actor_id, action, version, changed_fields,
        old_values, new_values, metadata, created_at)
    SELECT {_copied("seed_entries.id")}, chosen.id, chosen.owner_id, chosen.owner_id, action, version, changed_fields,
        old_values, new_values, metadata, created_at
    FROM added JOIN chosen ON chosen.id = added.id JOIN seed_entries ON feature_id = original
    RETURNING version
)
SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM entered)
"""
COUNT_MISCOUNTED = f"""
SELECT count(*) FROM users
WHERE id IN (SELECT id FROM ({PEOPLE}) AS people) AND active_features <> (
    SELECT count(*) FROM features WHERE owner_id = users.id AND status = 'ACTIVE'
)
"""


@dataclass(frozen=True, slots=True)
class Rows:
    users: Sequence[User]
    features: Sequence[Feature]
    entries: Sequence[AuditEntry]


@dataclass(frozen=True, slots=True)
class Added:
    """How many rows were not there before."""

    users: int
    features: int
    entries: int


async def load(url: str, rows: Rows, chunks: Iterable[range]) -> AsyncGenerator[Added]:
    """Adds the rows once per number in the chunks, each chunk in a transaction of its own, and tells what it added.

    Copy 0 has the rows' own ids, another has ids that follow from them and its number. Take it to the end: only then
    are the tables analysed. Raises Unavailable.
    """
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT, statement_cache_size=0)
        try:
            for chunk in chunks:
                async with connection.transaction():
                    await _stage(connection, rows)
                    added = await _insert(connection, chunk)
                yield added
            await connection.execute(ANALYZE)
        finally:
            await connection.close()
    except ValueError:  # asyncpg's own complaint about an argument: a bug, though it is an InterfaceError
        raise
    except AWAY as error:
        raise unavailable(error) from error


async def _insert(connection: "asyncpg.Connection[asyncpg.Record]", chunk: range) -> Added:
    copies = chunk[0], chunk[-1]
    users = await connection.fetchval(INSERT_USERS, *copies)
    await connection.execute(LOCK_OWNERS, *copies)
    added = await connection.fetchrow(INSERT_FEATURES, *copies)
    assert added is not None
    if wrong := await connection.fetchval(COUNT_MISCOUNTED, *copies):
        raise RuntimeError(f"{wrong} owners have another number of active features than they are said to have")
    return Added(users, *added)


async def _stage(connection: "asyncpg.Connection[asyncpg.Record]", rows: Rows) -> None:
    await connection.execute(STAGE)
    await connection.copy_records_to_table(
        "seed_users", records=[(user.id, user.name, user.email, user.role, user.created_at) for user in rows.users]
    )
    await connection.copy_records_to_table("seed_features", records=map(_feature_row, rows.features))
    await connection.copy_records_to_table("seed_entries", records=map(_entry_row, rows.entries))
    await connection.execute(ANALYZE_STAGE)


def _feature_row(feature: Feature) -> tuple[object, ...]:
    return (
        feature.id,
        feature.owner_id,
        feature.name,
        feature.description,
        feature.status,
        _text(feature.metadata),
        feature.version,
        feature.created_at,
        feature.updated_at,
    )


def _entry_row(entry: AuditEntry) -> tuple[object, ...]:
    return (
        entry.id,
        entry.feature_id,
        entry.action,
        entry.version,
        entry.changed_fields,
        _text(entry.old_values),
        _text(entry.new_values),
        _text(entry.metadata),
        entry.created_at,
    )


def _text(json: Json | None) -> str | None:
    return None if json is None else json.text.decode()
