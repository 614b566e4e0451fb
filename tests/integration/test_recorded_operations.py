"""What clients ask is recorded: by document and client, without values, bounded, and forgotten in time (R80)."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from app.contract.clients import Client, SeenOperation
from app.contract.recorded import Recorded
from app.db import recorded_operation
from app.db.recorded_operation import SqlRecordedOperations
from tests.fixtures.endpoint import world_with
from tests.fixtures.world import World

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

type Row = tuple[str, str, str | None, str, int]


async def recorded(world: World) -> set[Row]:
    """Client, version, operation, document on one line, calls; once everything is written."""
    await world.wiring.recorded_operations.note()
    rows = await world.owner.fetch(
        "SELECT client_name, client_version, operation_name, document, calls FROM recorded_operations"
    )
    return {(row[0], row[1], row[2], " ".join(row[3].split()), row[4]) for row in rows}


def row(document: str = "{ viewer { id } }", name: str = "web", calls: int = 1, at: datetime = NOON) -> Recorded:
    return Recorded(sha256(document.encode()).digest(), name, "1", None, document, calls, at)


async def test_operations_of_users_are_counted_by_document_and_client(world: World) -> None:
    web = {"graphql-client-name": "web", "graphql-client-version": "1.2"}
    apollo = {"apollographql-client-name": "ios", "apollographql-client-version": "7"}
    text = "query Mine { viewer { name } }"
    for headers in (web, web, apollo, {}):
        await world.post({"query": text}, "admin", **headers)
    await world.post({"query": "query  Mine {  viewer { name } } # the same"}, "user", **web)
    assert await recorded(world) == {
        ("web", "1.2", "Mine", text, 3),
        ("ios", "7", "Mine", text, 1),
        ("", "", "Mine", text, 1),
    }


async def test_no_value_of_a_request_is_kept(world: World) -> None:
    await world.ask(
        """query Secret($id: ID = "s3cret-default") {
          features(first: 77, filter: { search: "s3cret-search", tags: ["s3cret-a", "s3cret-b"], status: [ACTIVE] }) {
            nodes { id } } node(id: $id) { id } }""",
        id=world.id_of("user"),
    )
    await world.ask(
        'mutation { createFeature(input: { name: "s3cret", metadata: { s3cret: "s3cret" } }) { clientMutationId } }'
    )
    found = {name: document for _, _, name, document, _ in await recorded(world)}
    assert found["Secret"] == (
        'query Secret($id: ID = "") { features(first: 0, filter: { search: "", tags: [""], status: [ACTIVE] })'
        " { nodes { id } } node(id: $id) { id } }"
    )
    assert found[None] == 'mutation { createFeature(input: { name: "", metadata: "" }) { clientMutationId } }'


async def test_what_guests_send_and_what_cannot_be_run_is_not_recorded(world: World) -> None:
    await world.post({"query": "{ viewer { id } }"}, "guest")
    await world.post({"query": "{ nope }"})
    await world.post({"query": "{"})
    assert await recorded(world) == set()


async def test_operation_by_its_id_is_recorded_with_its_document(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "mine.graphql").write_text(
        "query A { viewer { id } } query B { viewer { ...N } } fragment N on User { name }"
    )
    async with world_with(world, trusted_documents="only", trusted_documents_path=folder) as strict:
        await strict.post({"documentId": "mine", "operationName": "B"})
        assert {(one[2], one[3]) for one in await recorded(strict)} == {
            ("B", "query B { viewer { ...N } } fragment N on User { name }")
        }


@pytest.mark.parametrize(("one_of", "calls"), [(0, set[int]()), (1, {3})])
async def test_setting_turns_it_off(world: World, one_of: int, calls: set[int]) -> None:
    async with world_with(world, operations_recorded=one_of) as other:
        for _ in range(3):
            await other.ask("{ viewer { id } }")
        assert {one[4] for one in await recorded(other)} == calls


@pytest.mark.parametrize("name", ["x" * 101, "a\x7fb", "é"])
async def test_client_whose_name_is_no_short_line_of_ascii_is_unnamed(world: World, name: str) -> None:
    body = {"query": "{ viewer { id } }"}
    response = await world.client.post(
        "/graphql",
        json=body,
        headers=[
            (b"authorization", f"Bearer {world.token('user')}".encode()),
            (b"graphql-client-name", name.encode()),
        ],
    )
    assert response.status_code == 200
    assert {one[:2] for one in await recorded(world)} == {("", "")}


async def test_counts_of_several_servers_add_up_and_the_last_call_never_goes_back(world: World) -> None:
    store = world.wiring.kept_operations
    assert await store.note([row(calls=2), row(name="ios")]) == 2
    assert await store.note([row(calls=3, at=NOON - HOUR)]) == 1
    [seen] = await store.fetch_seen(NOON)
    document = "{ viewer { id } }"
    hash = sha256(document.encode()).hexdigest()
    assert seen == SeenOperation(hash, None, document, [Client("ios", "1", 1, NOON), Client("web", "1", 5, NOON)])
    assert await store.fetch_seen(NOON + HOUR) == []


async def test_table_is_bounded_and_what_is_known_goes_on_being_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_operation, "MOST", 2)
    monkeypatch.setattr(recorded_operation, "NOTE", recorded_operation._note())
    store = world.wiring.kept_operations
    assert await store.note([row("{ a }"), row("{ b }")]) == 2
    assert await store.note([row("{ a }"), row("{ c }")]) == 1
    assert {(one.document, one.clients[0].calls) for one in await store.fetch_seen(NOON)} == {
        ("{ a }", 2),
        ("{ b }", 1),
    }


async def test_what_nobody_sends_any_more_is_forgotten_a_few_at_a_time(world: World) -> None:
    store = SqlRecordedOperations(world.wiring.database)
    await store.note([row(f"{{ a{number} }}", at=NOON - number * HOUR) for number in range(5)])
    assert [await store.purge(NOON - HOUR, 2) for _ in range(3)] == [2, 1, 0]
    assert {one.document for one in await store.fetch_seen(NOON - 9 * HOUR)} == {"{ a0 }", "{ a1 }"}


async def test_request_runs_no_statement_to_be_recorded(world: World) -> None:
    assert dict(await world.count("{ __typename }")) == {}
