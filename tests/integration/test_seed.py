"""Seeding a real database: everything arrives, as often as asked for, and every law holds."""

from pathlib import Path

import pytest

from app.kernel.errors import Unavailable
from app.kernel.json import Json
from app.seed.catalogue import CatalogueMissing, read_catalogue
from app.seed.seed import CHUNK, Seeded, seed
from tests.fixtures.seeded import TABLES, counts, everything, run

SAMPLE = Path(__file__).parents[1] / "fixtures/catalogue.json"
REAL = Path(__file__).parents[2] / "web/node_modules/web-features/data.json"
WHOLE = Seeded(users=33, features=12, entries=25)
OWNING = 9  # of the sample's users

LAWS = {
    "counter": """SELECT id FROM users WHERE active_features <>
        (SELECT count(*) FROM features WHERE owner_id = users.id AND status = 'ACTIVE')""",
    "limit": "SELECT id FROM users WHERE active_limit <> 100 OR active_features > 100",
    "versions": """SELECT features.id FROM features LEFT JOIN audit_entries ON feature_id = features.id
        GROUP BY features.id HAVING array_agg(audit_entries.version ORDER BY audit_entries.created_at) <>
        (SELECT array_agg(n) FROM generate_series(1, features.version) AS n)""",
    "old is previous new": """SELECT id FROM (SELECT id, old_values, lag(new_values) OVER of_feature AS previous
        FROM audit_entries WINDOW of_feature AS (PARTITION BY feature_id ORDER BY version)) AS trail
        WHERE old_values IS DISTINCT FROM previous""",
    "last new is the row": """SELECT features.id FROM features JOIN audit_entries ON feature_id = features.id
        AND audit_entries.version = features.version
        WHERE new_values <> jsonb_build_object('name', name, 'description', description, 'status', status,
            'metadata', features.metadata)
        OR updated_at <> audit_entries.created_at""",
    "created by the first": """SELECT features.id FROM features JOIN audit_entries ON feature_id = features.id
        AND audit_entries.version = 1 WHERE action <> 'CREATE' OR features.created_at <> audit_entries.created_at""",
    "owner": """SELECT audit_entries.id FROM audit_entries JOIN features ON features.id = feature_id
        WHERE audit_entries.owner_id <> features.owner_id OR actor_id <> features.owner_id""",
    "past": "SELECT id FROM audit_entries WHERE created_at > now()",
    "users before their features": """SELECT users.id FROM users JOIN features ON owner_id = users.id
        WHERE users.created_at >= features.created_at""",
    "version 7": """SELECT id FROM (SELECT id FROM users UNION ALL SELECT id FROM features
        UNION ALL SELECT id FROM audit_entries) AS every WHERE substr(id::text, 15, 1) <> '7'
        OR substr(id::text, 20, 1) NOT IN ('8', '9', 'a', 'b')""",
    "no news": "SELECT id FROM outbox",
}


async def broken_laws(url: str) -> set[str]:
    return {law for law, sql in LAWS.items() if await run(url, sql)}


async def test_every_row_is_the_catalogues(owner_url: str) -> None:
    catalogue = read_catalogue(SAMPLE)
    assert await seed(owner_url, SAMPLE) == await counts(owner_url) == WHOLE
    users = await run(owner_url, "SELECT id, name, email, role, created_at FROM users")
    assert set(users) == {(user.id, user.name, user.email, user.role, user.created_at) for user in catalogue.users}
    for feature in catalogue.features:
        (row,) = await run(
            owner_url,
            """SELECT owner_id, name, description, status, status_before_delete, metadata = $2::jsonb, category, tags,
                version, created_at, updated_at, deleted_at FROM features WHERE id = $1""",
            *(feature.id, text(feature.metadata)),
        )
        assert row == (
            *(feature.owner_id, feature.name, feature.description, feature.status, None, True, feature.category),
            *(feature.tags, feature.version, feature.created_at, feature.updated_at, None),
        )
    for entry in catalogue.entries:
        (row,) = await run(
            owner_url,
            """SELECT feature_id, owner_id, actor_id, action, version, changed_fields, created_at,
                old_values IS NOT DISTINCT FROM $2::jsonb, new_values = $3::jsonb, metadata = $4::jsonb
                FROM audit_entries WHERE id = $1""",
            *(entry.id, text(entry.old_values), text(entry.new_values), text(entry.metadata)),
        )
        assert row == (
            *(entry.feature_id, entry.owner_id, entry.actor_id, entry.action, entry.version, entry.changed_fields),
            *(entry.created_at, True, True, True),
        )


def text(json: Json | None) -> str | None:
    return None if json is None else json.text.decode()


@pytest.mark.parametrize(("path", "scale"), [(SAMPLE, 1), (SAMPLE, CHUNK + 1), (REAL, 1), (REAL, 3)])
async def test_every_law_holds(owner_url: str, path: Path, scale: int) -> None:
    """The real catalogue needs `make web`; without it, CatalogueMissing says so."""
    catalogue = read_catalogue(path)
    owning = len({feature.owner_id for feature in catalogue.features})
    added = await seed(owner_url, path, scale)
    users, features, entries = len(catalogue.users), len(catalogue.features), len(catalogue.entries)
    assert added == Seeded(users + (scale - 1) * owning, scale * features, scale * entries)
    assert await counts(owner_url) == added
    assert await broken_laws(owner_url) == set()


async def test_a_larger_scale_adds_only_the_copies_that_are_missing(owner_url: str) -> None:
    await seed(owner_url, SAMPLE)
    before = await everything(owner_url)
    assert await seed(owner_url, SAMPLE, 3) == Seeded(2 * OWNING, 24, 50)
    after = await everything(owner_url)
    assert all(set(map(repr, before[table])) <= set(map(repr, after[table])) for table in TABLES)
    assert await run(owner_url, "SELECT name FROM features GROUP BY name HAVING count(DISTINCT owner_id) <> 3") == []
    assert await run(owner_url, "SELECT email FROM users WHERE email LIKE 'user%' ORDER BY email COLLATE \"C\"") == [
        ("user+1@example.com",),
        ("user+2@example.com",),
        ("user@example.com",),
    ]


async def test_progress_is_told_after_each_chunk_and_a_stopped_seeding_is_taken_up_again(owner_url: str) -> None:
    scale, told = 2 * CHUNK + 5, list[tuple[int, int]]()

    def stop(done: int, of: int) -> None:
        raise KeyError(done)

    with pytest.raises(KeyError):
        await seed(owner_url, SAMPLE, scale, stop)
    assert await counts(owner_url) == Seeded(33 + (CHUNK - 1) * OWNING, CHUNK * 12, CHUNK * 25)
    rest = await seed(owner_url, SAMPLE, scale, lambda done, of: told.append((done, of)))
    assert rest == Seeded((CHUNK + 5) * OWNING, (CHUNK + 5) * 12, (CHUNK + 5) * 25)
    assert told == [(CHUNK, scale), (2 * CHUNK, scale), (scale, scale)]
    assert await broken_laws(owner_url) == set()


async def test_the_tables_are_analysed(owner_url: str) -> None:
    await seed(owner_url, SAMPLE)
    sql = "SELECT relname::text, reltuples::int FROM pg_class WHERE relname = ANY($1) ORDER BY relname"
    assert await run(owner_url, sql, list(TABLES)) == [("audit_entries", 25), ("features", 12), ("users", 33)]


@pytest.mark.parametrize("scale", [0, -1])
async def test_a_scale_below_one_is_refused_and_nothing_written(owner_url: str, scale: int) -> None:
    with pytest.raises(ValueError, match=f"The scale must be 1 or more: it is {scale}"):
        await seed(owner_url, SAMPLE, scale)
    assert await counts(owner_url) == Seeded(0, 0, 0)


async def test_without_a_catalogue_nothing_is_written(owner_url: str, tmp_path: Path) -> None:
    with pytest.raises(CatalogueMissing):
        await seed(owner_url, tmp_path / "data.json")
    assert await counts(owner_url) == Seeded(0, 0, 0)


async def test_a_server_that_is_away_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await seed("postgresql://nobody@127.0.0.1:1/nothing", SAMPLE)
