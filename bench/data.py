"""The benchmark's rows: made by the server itself, the same in every run, and brought back to what they were.

1,000 users own 50 features each; every feature has ten audit entries, by ten different users. Feature n was created n
minutes after the start of 2024, so the twenty newest have twenty owners.
"""

import asyncpg

USERS = 1_000
FEATURES = 50_000
ENTRIES = 10  # per feature


def _id(kind: int, number: str) -> str:
    """SQL: a version 7 UUID whose order is the number's."""
    return f"(lpad(to_hex({number}), 12, '0') || '7{kind:03}a' || lpad(to_hex({number}), 15, '0'))::uuid"


# Statuses: of each owner's fifty 35 active, 10 inactive and 5 archived.
ROWS = f"""
SET jit = off;
INSERT INTO users (id, name, email, role, created_at)
SELECT {_id(1, "n")}, 'User ' || n, 'user' || n || '@example.com',
    CASE n WHEN 0 THEN 'ADMIN' ELSE 'USER' END, timestamptz '2023-01-01Z' + n * interval '1 minute'
FROM generate_series(0, {USERS - 1}) AS n;

INSERT INTO features (id, owner_id, name, description, status, metadata, version, created_at, updated_at)
SELECT {_id(2, "n")}, {_id(1, f"(n % {USERS})")}, 'Feature "' || n || '" für alle',
    CASE WHEN n % 5 > 0 THEN 'What feature ' || n || ' is for, in a sentence of the usual length, or in two.' END,
    CASE WHEN n / {USERS} % 10 < 7 THEN 'ACTIVE' WHEN n / {USERS} % 10 < 9 THEN 'INACTIVE' ELSE 'ARCHIVED' END,
    jsonb_build_object('category', 'category-' || n % 20, 'tags', jsonb_build_array('tag-' || n % 50, 'tag-' || n % 7)),
    {ENTRIES}, timestamptz '2024-01-01Z' + n * interval '1 minute',
    timestamptz '2024-01-01Z' + n * interval '1 minute' + {ENTRIES} * interval '1 second'
FROM generate_series(0, {FEATURES - 1}) AS n;

INSERT INTO audit_entries (id, feature_id, owner_id, actor_id, action, version, changed_fields, old_values, new_values,
    metadata, created_at)
SELECT {_id(3, f"(n * {ENTRIES} + e)")}, {_id(2, "n")}, {_id(1, f"(n % {USERS})")},
    {_id(1, f"((n * 7 + e * 31) % {USERS})")}, CASE e WHEN 0 THEN 'CREATE' ELSE 'UPDATE' END, e + 1,
    CASE e WHEN 0 THEN '{{name,description,status,metadata}}' ELSE '{{description}}' END::text[],
    CASE WHEN e > 0 THEN jsonb_build_object('description', 'What it was in version ' || e) END,
    jsonb_build_object('description', 'What it is in version ' || e + 1), jsonb_build_object('requestId', 'bench'),
    timestamptz '2024-01-01Z' + n * interval '1 minute' + e * interval '1 second'
FROM generate_series(0, {FEATURES - 1}) AS n, generate_series(0, {ENTRIES - 1}) AS e;
"""
COUNT_ACTIVE = """
UPDATE users SET active_features = (SELECT count(*) FROM features WHERE owner_id = users.id AND status = 'ACTIVE')
WHERE active_features <> (SELECT count(*) FROM features WHERE owner_id = users.id AND status = 'ACTIVE')
"""
# PostGraphile's way to a write of its own: a function, which it shows as a mutation.
FUNCTION = """
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO feature_api_app;
CREATE FUNCTION bench.add_feature(owner_id uuid, name text, description text, metadata jsonb) RETURNS features
LANGUAGE sql VOLATILE AS $$
    WITH feature AS (
        INSERT INTO features (id, owner_id, name, description, status, metadata, version, created_at, updated_at)
        VALUES (uuidv7(), owner_id, name, description, 'ACTIVE', metadata, 1, now(), now()) RETURNING *
    ), logged AS (
        INSERT INTO audit_entries (id, feature_id, owner_id, actor_id, action, version, changed_fields, new_values,
            metadata, created_at)
        SELECT uuidv7(), id, owner_id, owner_id, 'CREATE', 1, '{name,description,status,metadata}',
            jsonb_build_object('name', name, 'description', description, 'status', status, 'metadata', metadata),
            '{}', now() FROM feature
    )
    SELECT * FROM feature
$$;
"""
# The newest features must stay the newest, and the trail append-only: only a superuser, as a replica, deletes from it.
FORGET = """
SET session_replication_role = replica;
DELETE FROM audit_entries WHERE created_at > timestamptz '2025-01-01Z';
DELETE FROM features WHERE created_at > timestamptz '2025-01-01Z';
TRUNCATE outbox;
SET session_replication_role = DEFAULT;
"""
VACUUM = "VACUUM (ANALYZE) users, features, audit_entries, outbox"
ADMIN = f"SELECT {_id(1, '0')}"
SOME = f"SELECT id FROM features ORDER BY md5(id::text) LIMIT {USERS}"
OWNERS = "SELECT id FROM users ORDER BY id"
OWNED = f"""
SELECT DISTINCT ON (owner_id) id, owner_id FROM features
WHERE status = 'ACTIVE' AND owner_id <> ({ADMIN}) ORDER BY owner_id, id
"""
CREATED = "SELECT count(*) FROM features WHERE created_at > timestamptz '2025-01-01Z'"


async def make_rows(url: str) -> None:
    """Into empty migrated tables; the URL is a superuser's."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(ROWS)
        await connection.execute(COUNT_ACTIVE)
        await connection.execute(FUNCTION)
        await connection.execute(VACUUM)
    finally:
        await connection.close()


async def forget_writes(url: str) -> int:
    """Takes back what W4 wrote, so that the next run finds the same rows; returns how many features those were."""
    connection = await asyncpg.connect(url)
    try:
        created = int(await connection.fetchval(CREATED))
        await connection.execute(FORGET)
        await connection.execute(COUNT_ACTIVE)
        await connection.execute(VACUUM)
        return created
    finally:
        await connection.close()


async def fetch_ids(url: str) -> tuple[str, list[str], list[str], list[tuple[str, str]]]:
    """The administrator, some features in no order, all users, and of each plain user (an active feature, the user)."""
    connection = await asyncpg.connect(url)
    try:
        admin = str(await connection.fetchval(ADMIN))
        features = [str(row[0]) for row in await connection.fetch(SOME)]
        owners = [str(row[0]) for row in await connection.fetch(OWNERS)]
        return admin, features, owners, [(str(row[0]), str(row[1])) for row in await connection.fetch(OWNED)]
    finally:
        await connection.close()
