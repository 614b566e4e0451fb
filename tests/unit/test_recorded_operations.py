"""Operations in memory: counted, sampled, bounded, and never lost while the database is away."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from graphql import DocumentNode, GraphQLSchema, build_schema
from structlog.testing import capture_logs

from app.adapters import recorded_operations
from app.adapters.recorded_operations import RecordedOperations
from app.contract.recorded import Recorded
from app.contract.signature import signature
from app.kernel.errors import Unavailable

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SCHEMA = build_schema("type Query { a(x: Int): Int b: Int }")
WEB, IOS = ("web", "1"), ("ios", "2")


class Store:
    def __init__(self, one_of: int = 1, drawn: Sequence[float] = ()) -> None:
        self.noted: list[dict[tuple[str, str], int]] = []
        self.away, self.room = False, 1_000
        numbers = iter(drawn)
        self.operations = RecordedOperations(self.note, SCHEMA, one_of, lambda: NOON, lambda: next(numbers))

    async def note(self, rows: Sequence[Recorded]) -> int:
        if self.away:
            self.send("{ a }")  # somebody calls meanwhile
            raise Unavailable("away")
        assert all(row.last_at == NOON for row in rows)
        assert [(row.hash, row.client_name) for row in rows] == sorted((row.hash, row.client_name) for row in rows)
        self.noted.append({(" ".join(row.document.split()), row.client_name): row.calls for row in rows})
        return min(len(rows), self.room)

    def send(self, text: str, program: tuple[str, str] = WEB) -> None:
        self.operations.seen(text, None, program)


async def test_calls_are_added_up_by_document_and_client_and_written_once() -> None:
    store = Store()
    for text, program in (("{ a }", WEB), ("{ a }", WEB), ("{ a }", IOS), ("{ b }", WEB)):
        store.send(text, program)
    assert store.noted == []
    await store.operations.note()
    await store.operations.note()
    assert store.noted == [{("{ a }", "web"): 2, ("{ a }", "ios"): 1, ("{ b }", "web"): 1}, {}]


async def test_documents_that_differ_in_values_alone_are_one() -> None:
    store = Store()
    for text in ("{ a(x: 1) }", "{ a(x: 2) }", "{a(x:3)} # three"):
        store.send(text)
    await store.operations.note()
    assert store.noted == [{("{ a(x: 0) }", "web"): 3}]


async def test_what_cannot_be_written_is_kept_and_added_to() -> None:
    store = Store()
    store.send("{ a }")
    store.away = True
    with pytest.raises(Unavailable):
        await store.operations.note()
    store.away = False
    await store.operations.note()
    assert store.noted == [{("{ a }", "web"): 2}]


async def test_of_a_sample_each_stands_for_as_many() -> None:
    store = Store(one_of=10, drawn=[0.05, 0.1, 0.99, 0.0])
    for _ in range(4):
        store.send("{ a }")
    await store.operations.note()
    assert store.noted == [{("{ a }", "web"): 20}]


async def test_memory_is_bounded_and_what_is_known_goes_on_being_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded_operations, "MOST", 1)
    store = Store()
    for text in ("{ a }", "{ b }", "{ a }"):
        store.send(text)
    await store.operations.note()
    assert store.noted == [{("{ a }", "web"): 2}]


async def test_documents_that_wait_are_bounded_in_all_their_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded_operations, "MOST_CHARACTERS", 10)
    store = Store()
    for text in ("{ a }", "{ b }", "{ c }", "{ a }"):
        store.send(text)
    await store.operations.note()
    store.send("{ b }")  # what was written makes room
    await store.operations.note()
    assert store.noted == [{("{ a }", "web"): 2, ("{ b }", "web"): 1}, {("{ b }", "web"): 1}]


async def test_long_documents_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded_operations, "LONGEST", 8)
    store = Store()
    for text in ("{ a b a }", "{a b}", "{ a }"):  # too long; too long when printed; short
        store.send(text)
    await store.operations.note()
    assert store.noted == [{("{ a }", "web"): 1}]


async def test_signatures_are_made_once_for_those_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str | None] = []

    def counted(schema: GraphQLSchema, node: DocumentNode, name: str | None) -> str:
        made.append(name)
        return signature(schema, node, name)

    monkeypatch.setattr(recorded_operations, "signature", counted)
    monkeypatch.setattr(recorded_operations, "REMEMBERED", 1)
    store = Store()
    for text in ("{ a }", "{ a }", "{ b }", "{ a }"):
        store.send(text)
        await store.operations.note()
    assert len(made) == 3


async def test_full_table_is_told_of_once() -> None:
    store = Store()
    store.room = 0
    with capture_logs() as logged:
        for _ in range(2):
            store.send("{ a }")
            await store.operations.note()
    assert [(line["log_level"], line["left_out"]) for line in logged] == [("warning", 1)]
