"""The second wall: a request that reaches one user's rows gets no others, though its statement asks for them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import func, literal_column, select, true

from app.db import audit, feature, feature_filter
from app.db.database import Database
from app.db.row_security import RowSecurity
from app.db.statement import Statement
from app.db.tables import features
from app.domain.feature.service import FeatureService
from app.kernel.actor import Actor
from app.kernel.clock import new_id
from app.kernel.ids import UserId
from app.parts import pool_settings
from tests.fixtures.database import execute, in_database
from tests.fixtures.endpoint import world_with
from tests.fixtures.servers import Servers
from tests.fixtures.world import World, insert
from tests.fixtures.writes import document, nothing_written
from tests.integration import test_api_tokens as tokens
from tests.integration import test_feature_lifecycle as lifecycle
from tests.integration import test_feature_mutations as acts
from tests.integration import test_idempotency as keyed
from tests.integration import test_permissions as permissions
from tests.integration import test_rest_bulk as bulk
from tests.integration import test_rest_export as export
from tests.integration import test_rest_v2 as rest

pytestmark = pytest.mark.usefixtures("no_wall")  # but where it is put up here

type Connection = asyncpg.Connection[asyncpg.Record]

WALLED = ("features", "audit_entries", "api_tokens", "sessions")
SEEN = Statement("test.seen", select(features.c.owner_id))
ROLE = Statement("test.role", select(literal_column("current_user::text")))
SETTING = Statement("test.setting", select(func.current_setting("feature_api.visible_to", literal_column("true"))))


@pytest.fixture
async def walled(world: World) -> AsyncIterator[World]:
    async with world_with(world, database_row_security="on") as made:
        yield made


# Everything is as it was


@pytest.mark.parametrize(
    "proof",
    [
        permissions.test_everybody_reads_what_the_matrix_grants_and_nothing_else,
        permissions.test_everybody_writes_what_the_matrix_grants_and_a_refusal_writes_and_tells_nothing,
        permissions.test_the_trail_of_what_is_deleted_is_read_by_those_who_may_read_audit,
        acts.test_every_act_on_every_status_does_what_the_table_says,
        lifecycle.test_what_is_deleted_is_found_nowhere_but_in_its_trail_and_where_asked_for,
        lifecycle.test_the_limit_holds_for_creating_activating_and_restoring,
        lifecycle.test_a_stale_version_is_refused_with_the_current_feature_and_the_fields_in_conflict,
        tokens.test_a_token_of_a_service_acts_as_its_user,
        tokens.test_a_role_that_is_taken_away_narrows_the_token_too,
        rest.test_acts_lead_through_the_statuses,
        rest.test_of_ten_changes_of_one_version_at_once_one_is_written,
        bulk.test_each_item_is_what_its_own_call_would_be,
        bulk.test_all_or_none_leaves_nothing_behind_where_one_is_refused,
        keyed.test_graphql_replays_the_body,
        keyed.test_what_was_refused_is_not_kept_and_the_key_is_free,
        export.test_each_line_is_what_the_list_shows_newest_first,
    ],
    ids=lambda proof: proof.__name__.removeprefix("test_"),
)
async def test_behind_the_wall_everything_is_as_it_was(
    walled: World, proof: Callable[[World], Awaitable[None]]
) -> None:
    await proof(walled)


@pytest.mark.parametrize("wall", ["off", "on"])
async def test_what_the_wall_hides_is_refused_alike_but_nobody_can_tell_that_it_was_refused(
    world: World, wall: str
) -> None:
    """Whether a feature is another's or never was is asked of the database, which says neither."""
    feature = await world.create("mine")
    async with world_with(world, database_row_security=wall) as asked:
        change = {"id": feature["id"], "expectedVersion": 1, "name": "x"}
        answer = await asked.ask(document("updateFeature"), "other", input=change)
        assert answer["data"]["updateFeature"]["userErrors"][0]["code"] == "NOT_FOUND"
        await asked.wiring.security_events.flush()
    kept = await world.owner.fetch("SELECT subject FROM security_events")
    assert [row[0] for row in kept] == ([] if wall == "on" else ["features:update"])


# A filter that was forgotten

READS = [
    "{ features { totalCount nodes { name } } }",
    '{ features(filter: {search: "secret"}) { totalCount nodes { name } } }',
    "{ auditEntries { totalCount nodes { newValues } } }",
    "query($feature: ID!) { feature(id: $feature) { name } }",
    "query($feature: ID!) { nodes(ids: [$feature]) { ... on Feature { name } } }",
    "query($entry: ID!) { node(id: $entry) { ... on AuditEntry { newValues } } }",
    "query($token: ID!) { node(id: $token) { ... on ApiToken { name } } }",
]


def forget_in_services(patch: pytest.MonkeyPatch) -> None:
    """Every service takes the actor's permission for one to everything."""
    patch.setattr(Actor, "visible_to", lambda self, grants: None)
    patch.setattr(Actor, "may", lambda self, grants, owner_id: True)


def forget_in_statements(patch: pytest.MonkeyPatch) -> None:
    """The services ask rightly, and the statements leave the condition out."""
    patch.setitem(feature_filter.CONDITIONS, "visible_to", true)
    patch.setitem(audit.CONDITIONS, "visible_to", true())
    patch.setattr(FeatureService, "_visible", lambda self, found, finds_deleted=False: found)
    forget_statements()


@pytest.fixture(autouse=True)
def no_fault_stays() -> Iterator[None]:
    yield
    forget_statements()


def forget_statements() -> None:
    """They are compiled once, with a fault or without it."""
    for made in (feature.page_statement, feature.count_statement):
        made.cache_clear()
    for made in (audit.page_statement, audit.count_statement, audit.by_ids_statement):
        made.cache_clear()


async def leaks(world: World, ids: dict[str, str]) -> list[str]:
    """The reads by another user in whose answers something of the user's or the manager's is found."""
    found = []
    for text in READS:
        variables = {name: id for name, id in ids.items() if f"${name}" in text}
        answer = await world.ask(text, "other", **variables)
        assert "errors" not in answer, answer
        if "secret" in str(answer["data"]):
            found.append(text)
        elif "totalCount" in text:
            [page] = answer["data"].values()
            assert page["totalCount"] == len(page["nodes"]) <= 1
    return found


@pytest.mark.parametrize(
    ("forget", "without"),
    [(forget_in_services, READS), (forget_in_statements, READS[:6])],
    ids=["services", "statements"],
)
async def test_a_forgotten_filter_leaks_without_the_wall_and_nothing_with_it(
    world: World,
    walled: World,
    monkeypatch: pytest.MonkeyPatch,
    forget: Callable[[pytest.MonkeyPatch], None],
    without: list[str],
) -> None:
    ids = await permissions.read_from(world)
    await world.create("own", "other")
    assert (await leaks(world, ids), await leaks(walled, ids)) == ([], [])
    forget(monkeypatch)
    assert await leaks(world, ids) == without
    assert await leaks(walled, ids) == []


async def test_a_forgotten_check_writes_without_the_wall_and_nothing_with_it(
    world: World, walled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await permissions.read_from(world)
    forget_in_services(monkeypatch)
    acts: list[tuple[str, dict[str, Any]]] = [
        ("updateFeature", {"id": ids["feature"], "expectedVersion": 2, "name": "stolen"}),
        ("deleteFeature", {"id": ids["feature"]}),
        ("revokeApiToken", {"id": ids["token"]}),
    ]
    for mutation, input in acts:
        async with nothing_written(walled):
            answer = await walled.ask(document(mutation), "other", input=input)
        [error] = answer["data"][mutation]["userErrors"]
        assert error["code"] == "NOT_FOUND"
    draft = {"name": "for the user", "ownerId": world.id_of("user")}
    async with nothing_written(walled):
        answer = await walled.ask(document("createFeature"), "other", input=draft)
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "INTERNAL"  # a bug of ours, and told as one

    for mutation, input in [*acts, ("createFeature", draft)]:
        answer = await world.ask(document(mutation), "other", input=input)
        assert answer["data"][mutation]["userErrors"] == []


# What the connection itself may do


@pytest.fixture
async def raw(world: World, app_url: str) -> "AsyncIterator[Connection]":
    """As the guarded role, with something of two users' in every table."""
    await permissions.read_from(world)
    await world.create("own", "other")
    for who in ("user", "other"):
        columns = "id, user_id, created_at, last_used_at, expires_at"
        moment = "now(), now(), now() + interval '1 day'"
        await world.owner.execute(
            f"INSERT INTO sessions ({columns}) VALUES ($1, $2, {moment})", new_id(), world.users[who]
        )
    connection = await asyncpg.connect(app_url, server_settings={"role": "feature_api_guarded"})
    yield connection
    await connection.close()


async def counts(connection: Connection) -> dict[str, int]:
    return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in WALLED}


NOTHING = dict.fromkeys(WALLED, 0)


async def test_who_does_not_say_for_whom_sees_no_row_and_nobody_sees_anothers(world: World, raw: Connection) -> None:
    assert min((await counts(world.owner)).values()) > 0
    assert await counts(raw) == NOTHING
    for text, expected in (
        ("", NOTHING),
        (str(uuid4()), NOTHING),
        (str(world.users["other"]), {"features": 1, "audit_entries": 1, "api_tokens": 0, "sessions": 1}),
        (str(world.users["user"]), {"features": 1, "audit_entries": 2, "api_tokens": 1, "sessions": 1}),
    ):
        async with raw.transaction():
            await raw.execute(f"SET LOCAL feature_api.visible_to = '{text}'")
            assert await counts(raw) == expected
        assert await counts(raw) == NOTHING
    for word in ("any", "*", "' OR true --"):
        await raw.execute("SELECT set_config('feature_api.visible_to', $1, false)", word)
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await counts(raw)


async def test_rows_of_others_are_neither_changed_nor_made_nor_given_away(world: World, raw: Connection) -> None:
    await raw.execute("SELECT set_config('feature_api.visible_to', $1, false)", str(world.users["other"]))
    async with nothing_written(world):
        for statement in (
            "UPDATE features SET version = version WHERE owner_id <> $1",
            "UPDATE api_tokens SET revoked_at = now() WHERE user_id <> $1",
            "UPDATE sessions SET revoked_at = now() WHERE user_id <> $1",
        ):
            assert await raw.execute(statement, world.users["other"]) == "UPDATE 0"
        of_user = {"id": new_id(), "owner_id": world.users["user"], "status": "INACTIVE", "version": 1}
        planted = {**of_user, "name": "x", "metadata": "{}"}
        times = {name: await raw.fetchval("SELECT now()") for name in ("created_at", "updated_at")}
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await insert(raw, "features", {**planted, **times})


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE feature_api_owner",
        "SET row_security = off; SELECT * FROM features",
        "ALTER TABLE features DISABLE ROW LEVEL SECURITY",
        "DROP POLICY features_own ON features",
        "CREATE POLICY mine ON features USING (true)",
        "ALTER ROLE feature_api_guarded BYPASSRLS",
        "SELECT * FROM audit_entries_history",
        "SELECT * FROM refresh_tokens",
        "SELECT * FROM signing_keys",
        "SELECT hash FROM api_tokens",
        "SELECT password_hash FROM users",
        "SELECT * FROM account_of_email('user@example.com')",
        "UPDATE users SET role = 'ADMIN'",
        "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "SELECT make_audit_partitions(3)",
    ],
)
async def test_the_guarded_role_cannot_get_round_the_wall(raw: Connection, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await raw.execute(statement)


@pytest.fixture
def logins(servers: Servers, database_name: str) -> "Iterator[Callable[[str], str]]":
    """A login that is a member of the roles: its URL."""
    made: list[str] = []

    def make(roles: str) -> str:
        made.append(f"login_{uuid4().hex}")
        execute(servers.superuser_url, f"CREATE ROLE {made[-1]} LOGIN PASSWORD 'let me in' IN ROLE {roles}")
        host = servers.app_url.rpartition("@")[2]
        return in_database(f"postgresql://{made[-1]}:let%20me%20in@{host}", database_name)

    yield make
    for name in made:
        execute(servers.superuser_url, f"DROP ROLE {name}")


@pytest.mark.parametrize("roles", ["feature_api_app", "feature_api_guarded", "feature_api_app, feature_api_guarded"])
async def test_the_wall_stands_for_every_login_that_takes_no_role_when_it_connects(
    walled: World, logins: Callable[[str], str], roles: str
) -> None:
    """As behind PgBouncer: what a transaction takes ends with it."""
    url = await asyncio.to_thread(logins, roles)
    settings = replace(pool_settings(walled.wiring.settings), url=url, role="", prepare=False, size=1)
    wall = RowSecurity(walled.wiring.database, settings)
    await walled.create("own", "other")
    try:
        for who, count in (("other", 1), ("user", 0), ("other", 1)):
            assert len(await wall.database_of(walled.users[who]).fetch(SEEN)) == count
    finally:
        await wall.close()


async def test_a_server_whose_login_may_not_take_the_role_is_not_ready(
    walled: World, logins: Callable[[str], str]
) -> None:
    url = await asyncio.to_thread(logins, "pg_read_all_data")
    settings = {"database_url": SecretStr(url), "database_role": ""}
    async with (
        world_with(walled, **settings) as refused,
        world_with(walled, **settings, database_row_security="off") as off,
    ):
        found = [await world.client.get("/health/ready") for world in (walled, off, refused)]
    assert [answer.status_code for answer in found] == [200, 200, 503]


async def test_a_login_that_is_guarded_alone_has_no_other_role_to_take(
    world: World, logins: Callable[[str], str]
) -> None:
    connection = await asyncpg.connect(await asyncio.to_thread(logins, "feature_api_guarded"))
    try:
        assert await counts(connection) == NOTHING
        for role in ("feature_api_app", "feature_api_owner"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"SET ROLE {role}")
    finally:
        await connection.close()


# The pool


@pytest.fixture
async def narrow(walled: World, database: Database) -> AsyncIterator[RowSecurity]:
    """The wall with one connection for everybody."""
    made = RowSecurity(database, replace(pool_settings(walled.wiring.settings), size=1))
    yield made
    await made.close()


async def test_what_one_request_may_see_never_stays_for_the_next(walled: World, narrow: RowSecurity) -> None:
    for who in ("user", "other"):
        await walled.create(f"of {who}", who)
    users = [walled.users[who] for who in ("user", "other", "viewer")] * 10

    async def seen(user: UserId) -> set[UUID]:
        return {row[0] for row in await narrow.database_of(user).fetch(SEEN)}

    found = await asyncio.gather(*map(seen, users))
    assert found == [{user} - {walled.users["viewer"]} for user in users]


@pytest.mark.parametrize("end", ["committed", "failed", "cancelled"])
async def test_however_a_transaction_ends_the_connection_is_left_seeing_nothing(
    walled: World, narrow: RowSecurity, end: str
) -> None:
    await walled.create("own", "user")
    reached = narrow.database_of(walled.users["user"])
    with suppress(RuntimeError, TimeoutError):
        async with asyncio.timeout(0.2 if end == "cancelled" else None), reached.transaction() as transaction:
            assert len(await transaction.fetch(SEEN)) == 1
            if end == "cancelled":
                await transaction.fetch(Statement("test.sleep", select(func.pg_sleep(60))))
            elif end == "failed":
                raise RuntimeError
    nobodys = narrow.database_of(UserId(new_id()))
    nobodys.begin = "BEGIN; SET LOCAL ROLE feature_api_guarded"
    assert [await nobodys.fetch(SEEN), (await nobodys.fetch(SETTING))[0][0] or ""] == [[], ""]
    nobodys.begin = "BEGIN"
    assert (await nobodys.fetch(ROLE))[0][0] == "feature_api_app"


async def test_a_migration_under_a_prepared_statement_is_no_failure(walled: World, narrow: RowSecurity) -> None:
    await walled.create("own", "user")
    database = narrow.database_of(walled.users["user"])
    statement = Statement("test.names", select(features.c.name))
    assert len(await database.fetch(statement)) == 1
    await walled.owner.execute("DROP INDEX features_name_unique, features_by_name, features_of_owner_by_name")
    await walled.owner.execute("ALTER TABLE features DROP COLUMN search, ALTER COLUMN name TYPE varchar(255)")
    assert len(await database.fetch(statement)) == 1
