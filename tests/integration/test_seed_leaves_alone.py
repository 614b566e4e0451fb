"""Seeding a database that is not empty: what is there is left alone, and what is added keeps every law."""

import asyncio
import json
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from app.seed.catalogue import Catalogue, read_catalogue
from app.seed.seed import Seeded, seed
from tests.fixtures.seeded import connected, counts, everything, run

SAMPLE = Path(__file__).parents[1] / "fixtures/catalogue.json"
PLANTED = UUID(int=7)
WHOLE = Seeded(users=33, features=12, entries=25)
MISCOUNTED = """SELECT id FROM users WHERE active_features <>
    (SELECT count(*) FROM features WHERE owner_id = users.id AND status = 'ACTIVE')"""


def named(catalogue: Catalogue, name: str) -> tuple[UUID, UUID]:
    """(feature's id, owner's)"""
    return next((feature.id, feature.owner_id) for feature in catalogue.features if feature.name == name)


async def plant_owner(url: str, id: UUID, email: str = "planted@example.com", limit: int = 100) -> None:
    await run(
        url,
        """INSERT INTO users (id, name, email, role, created_at, active_limit)
            VALUES ($1, 'Planted', $2, 'USER', '2001-01-01Z', $3)""",
        *(id, email, limit),
    )


async def plant_feature(url: str, owner_id: UUID, name: str) -> None:
    await run(
        url,
        """INSERT INTO features (id, owner_id, name, status, metadata, version, created_at, updated_at)
            VALUES ($1, $2, $3, 'INACTIVE', '{}', 1, now(), now())""",
        *(PLANTED, owner_id, name),
    )


async def until_one_waits(url: str) -> None:
    """For a lock."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while not await run(url, waiting):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_second_seeding_changes_nothing(owner_url: str) -> None:
    await seed(owner_url, SAMPLE, 2)
    before = await everything(owner_url)
    assert await seed(owner_url, SAMPLE, 2) == Seeded(0, 0, 0)
    assert await everything(owner_url) == before


async def test_what_was_changed_since_is_left_alone(owner_url: str) -> None:
    """Renamed, deleted, archived with the counter; an owner with another role and email."""
    await seed(owner_url, SAMPLE)
    await run(owner_url, "UPDATE features SET name = 'renamed', version = version + 1 WHERE name = '<abbr>'")
    await run(
        owner_url,
        """UPDATE features SET status = 'DELETED', status_before_delete = status, deleted_at = now()
            WHERE name IN ('clip', 'HTML in canvas')""",
    )
    await run(owner_url, "UPDATE features SET status = 'ARCHIVED' WHERE name = 'Opacity (SVG)'")
    await run(
        owner_url,
        """UPDATE users SET active_features = active_features - 1
            WHERE id = (SELECT owner_id FROM features WHERE name = 'Opacity (SVG)')""",
    )
    await run(owner_url, "UPDATE users SET role = 'VIEWER', email = NULL WHERE email = 'user@example.com'")
    before = await everything(owner_url)
    assert await seed(owner_url, SAMPLE) == Seeded(0, 0, 0)
    assert await everything(owner_url) == before


async def test_a_name_that_the_owner_uses_otherwise_leaves_out_the_feature_and_its_history(owner_url: str) -> None:
    feature_id, owner_id = named(read_catalogue(SAMPLE), "<abbr>")
    await plant_owner(owner_url, owner_id)
    await plant_feature(owner_url, owner_id, "<abbr>")
    assert await seed(owner_url, SAMPLE) == Seeded(users=32, features=11, entries=22)
    assert await run(owner_url, "SELECT id, version FROM features WHERE name = '<abbr>'") == [(PLANTED, 1)]
    assert await run(owner_url, "SELECT id FROM audit_entries WHERE feature_id = ANY($1)", [feature_id, PLANTED]) == []
    assert await run(owner_url, MISCOUNTED) == []


async def test_a_name_that_only_a_deleted_feature_has_is_free(owner_url: str) -> None:
    _, owner_id = named(read_catalogue(SAMPLE), "<abbr>")
    await plant_owner(owner_url, owner_id)
    await plant_feature(owner_url, owner_id, "<abbr>")
    deleted = "status = 'DELETED', status_before_delete = 'INACTIVE', deleted_at = now()"
    await run(owner_url, f"UPDATE features SET {deleted}")
    assert await seed(owner_url, SAMPLE) == Seeded(users=32, features=12, entries=25)


async def test_an_owner_without_room_gets_as_many_active_features_as_there_is_room_for(owner_url: str) -> None:
    """The owner's in the sample: two active, one archived."""
    _, owner_id = named(read_catalogue(SAMPLE), "AbortController and AbortSignal")
    await plant_owner(owner_url, owner_id, limit=1)
    assert (await seed(owner_url, SAMPLE)).features == 11
    assert await run(
        owner_url, "SELECT status, count(*)::int FROM features WHERE owner_id = $1 GROUP BY 1 ORDER BY 1", owner_id
    ) == [("ACTIVE", 1), ("ARCHIVED", 1)]
    assert await run(owner_url, "SELECT active_features FROM users WHERE id = $1", owner_id) == [(1,)]
    assert await seed(owner_url, SAMPLE) == Seeded(0, 0, 0)


async def test_an_email_of_somebody_else_leaves_out_that_owner_and_the_features(owner_url: str) -> None:
    await plant_owner(owner_url, PLANTED, email="user@example.com")
    assert await seed(owner_url, SAMPLE) == Seeded(users=32, features=9, entries=18)
    assert await run(owner_url, "SELECT id, name FROM users WHERE email = 'user@example.com'") == [(PLANTED, "Planted")]
    assert await run(owner_url, MISCOUNTED) == []


async def test_a_counter_that_is_wrong_stops_the_seed_and_leaves_nothing(owner_url: str) -> None:
    _, owner_id = named(read_catalogue(SAMPLE), "<abbr>")
    await plant_owner(owner_url, owner_id)
    await run(owner_url, "UPDATE users SET active_features = 5 WHERE id = $1", owner_id)
    with pytest.raises(RuntimeError, match="1 owners have another number of active features"):
        await seed(owner_url, SAMPLE)
    assert await counts(owner_url) == Seeded(1, 0, 0)


async def test_two_seedings_at_once_make_one(owner_url: str) -> None:
    one, other = await asyncio.gather(seed(owner_url, SAMPLE), seed(owner_url, SAMPLE))
    assert {one, other} == {WHOLE, Seeded(0, 0, 0)}
    assert await run(owner_url, MISCOUNTED) == []


@pytest.mark.parametrize("new", ["aborting", "abortsignal-timeout"])
async def test_the_next_edition_adds_what_is_new_where_there_is_room_for_just_that(
    owner_url: str, tmp_path: Path, new: str
) -> None:
    """What is there takes no room a second time, whichever of the owner's two active features comes first."""
    document = json.loads(SAMPLE.read_bytes())
    entries = {"aborting": 3, "abortsignal-timeout": 2}[new]
    del document["features"][new]
    earlier = tmp_path / "data.json"
    earlier.write_text(json.dumps(document))
    assert await seed(owner_url, earlier) == Seeded(users=33, features=11, entries=25 - entries)
    await run(owner_url, "UPDATE users SET active_limit = 2 WHERE email = 'user@example.com'")
    await run(owner_url, "UPDATE features SET name = 'renamed' WHERE name LIKE 'Abort%'")
    assert await seed(owner_url, SAMPLE) == Seeded(users=0, features=1, entries=entries)
    assert await run(owner_url, MISCOUNTED) == []


@pytest.mark.parametrize("name", ["AbortController and AbortSignal", "AbortSignal.timeout()"])
async def test_a_feature_left_out_for_its_name_takes_no_room(owner_url: str, name: str) -> None:
    _, owner_id = named(read_catalogue(SAMPLE), name)
    await plant_owner(owner_url, owner_id, limit=1)
    await plant_feature(owner_url, owner_id, name)
    await seed(owner_url, SAMPLE)
    assert await run(owner_url, "SELECT active_features FROM users WHERE id = $1", owner_id) == [(1,)]


async def test_a_write_that_is_under_way_is_waited_for_and_counts(owner_url: str) -> None:
    """The application gives the owner the one active feature that there is room for."""
    _, owner_id = named(read_catalogue(SAMPLE), "AbortSignal.timeout()")
    await plant_owner(owner_url, owner_id, limit=1)
    await plant_feature(owner_url, owner_id, "mine")
    async with connected(owner_url) as application:
        async with application.transaction():
            await application.execute("UPDATE features SET status = 'ACTIVE'")
            await application.execute("UPDATE users SET active_features = 1")
            seeding = asyncio.create_task(seed(owner_url, SAMPLE))
            await until_one_waits(owner_url)
        assert await seeding == Seeded(users=32, features=10, entries=20)
    assert await run(owner_url, MISCOUNTED) == []


async def test_a_rename_that_is_under_way_is_waited_for_and_wins(owner_url: str) -> None:
    feature_id, owner_id = named(read_catalogue(SAMPLE), "<abbr>")
    await plant_owner(owner_url, owner_id)
    await plant_feature(owner_url, owner_id, "mine")
    async with connected(owner_url) as application:
        async with application.transaction():
            await application.execute("UPDATE features SET name = '<abbr>'")
            seeding = asyncio.create_task(seed(owner_url, SAMPLE))
            await until_one_waits(owner_url)
            with pytest.raises(asyncpg.LockNotAvailableError):  # nor may anybody change the owner's counter meanwhile
                await run(owner_url, "SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE NOWAIT", owner_id)
        assert await seeding == Seeded(users=32, features=11, entries=22)
    assert await run(owner_url, "SELECT id FROM audit_entries WHERE feature_id = $1", feature_id) == []
