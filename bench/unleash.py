"""Unleash's own database beside ours: made, filled as its API would have filled it, and brought back after writes."""

import secrets
from dataclasses import dataclass

import asyncpg

FEATURES = 5_000  # as many as Unleash allows where nobody raises that
NAME = "feature-{:05}"
WRITTEN = "bench-"  # how the names begin of what a run creates

# A feature with its row per environment, stage of life and event, as POST leaves it.
ROWS = f"""
WITH made AS (
    INSERT INTO features (name, description, type, project, created_at, created_by_user_id)
    SELECT 'feature-' || lpad(n::text, 5, '0'), 'What feature ' || n || ' is for, in a sentence of the usual length.',
        'release', 'default', timestamptz '2024-01-01Z' + n * interval '1 minute', -42
    FROM generate_series(0, {FEATURES - 1}) AS n RETURNING name, created_at
), of_environment AS (
    INSERT INTO feature_environments (environment, feature_name, enabled)
    SELECT environment_name, made.name, false FROM made, project_environments WHERE project_id = 'default'
), of_stage AS (
    INSERT INTO feature_lifecycles (feature, stage, created_at) SELECT name, 'initial', created_at FROM made
)
INSERT INTO events (type, created_by, data, project, feature_name, announced, created_by_user_id, created_at)
SELECT 'feature-created', 'bench', json_build_object('name', name, 'type', 'release', 'project', 'default'), 'default',
    name, true, -42, created_at FROM made
"""
FORGET = f"""
DELETE FROM events WHERE feature_name LIKE '{WRITTEN}%';
DELETE FROM feature_lifecycles WHERE feature LIKE '{WRITTEN}%';
DELETE FROM feature_environments WHERE feature_name LIKE '{WRITTEN}%';
DELETE FROM features WHERE name LIKE '{WRITTEN}%';
"""
CREATED = f"SELECT count(*) FROM features WHERE name LIKE '{WRITTEN}%'"
VACUUM = "VACUUM (ANALYZE) features, feature_environments, feature_lifecycles, events"


@dataclass(frozen=True)
class Unleash:
    """Its database, which has no tables before the server has run once; and the administrator's token that it takes."""

    url: str
    token: str

    async def fill(self) -> None:
        await self._execute(ROWS, VACUUM)

    async def forget_writes(self) -> int:
        """How many features were created since the last time; they are gone afterwards."""
        connection = await asyncpg.connect(self.url)
        try:
            created = int(await connection.fetchval(CREATED))
        finally:
            await connection.close()
        await self._execute(FORGET, VACUUM)
        return created

    async def _execute(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


async def make_unleash(superuser_url: str) -> Unleash:
    """An empty database with an owner of its own."""
    password = secrets.token_hex()
    connection = await asyncpg.connect(superuser_url)
    try:
        await connection.execute(f"CREATE ROLE unleash LOGIN PASSWORD '{password}'")
        await connection.execute("CREATE DATABASE unleash OWNER unleash")
    finally:
        await connection.close()
    server = superuser_url.rpartition("@")[2].partition("/")[0]
    return Unleash(f"postgresql://unleash:{password}@{server}/unleash", f"*:*.{secrets.token_hex()}")
