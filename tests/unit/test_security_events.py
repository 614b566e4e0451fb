"""What is kept of security events, how often, and what becomes of those that wait."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from app.adapters.security_events import BATCH, RecordedEvents
from app.domain.security_event import rules
from app.domain.security_event.model import KeptEvent, SecurityEvent, SecurityEventKind
from app.jobs.security_events import keep_events
from app.kernel.clock import new_id
from app.kernel.errors import Unavailable
from app.kernel.ids import SecurityEventId, UserId
from app.telemetry.metrics import SecurityMetrics

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADA, BOB = UserId(UUID(int=1)), UserId(UUID(int=2))


def event(
    kind: SecurityEventKind = "ROLE_CHANGED",
    actor_id: UserId | None = ADA,
    subject: str | None = "users:write",
    address: str | None = "192.0.2.1",
    seconds: float = 0,
    **facts: str,
) -> SecurityEvent:
    return SecurityEvent(kind, actor_id, subject, address, "r", NOON + timedelta(seconds=seconds), facts)


# How often


@pytest.mark.parametrize("kind", sorted(rules.REPEATABLE))
def test_ten_a_minute_pass_and_then_ten_again(kind: SecurityEventKind) -> None:
    flood = rules.Flood()
    assert [flood.passes(event(kind, seconds=second)) for second in range(12)] == [True] * 10 + [False] * 2
    assert not flood.passes(event(kind, seconds=59.9))
    assert [flood.passes(event(kind, seconds=60)) for _ in range(11)] == [True] * 10 + [False]
    assert flood.passes(event(kind, seconds=-1))  # a clock that was set back starts again


def test_another_actor_subject_kind_or_a_guests_address_counts_for_itself() -> None:
    flood = rules.Flood()
    alike = [
        event("PERMISSION_DENIED"),
        event("PERMISSION_DENIED", BOB),
        event("PERMISSION_DENIED", subject="features:update"),
        event("LOGIN_FAILED"),
        event("LOGIN_FAILED", None),
        event("LOGIN_FAILED", None, address="192.0.2.2"),
    ]
    for each in alike:
        assert [flood.passes(each) for _ in range(11)] == [True] * 10 + [False]
    assert not flood.passes(event("PERMISSION_DENIED", address="192.0.2.9"))  # an actor is one wherever it is


def test_what_a_caller_cannot_repeat_at_will_always_passes() -> None:
    flood = rules.Flood()
    assert all(flood.passes(event("ROLE_CHANGED")) for _ in range(100))


def test_flood_remembers_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "REMEMBERED", 3)
    flood = rules.Flood()
    for number in range(50):
        flood.passes(event("LOGIN_FAILED", UserId(UUID(int=number))))
    assert len(flood._seen) == 3


# What is kept


def test_whatever_callers_put_into_an_event_can_be_written() -> None:
    wild = "a\0b\ud800\n" + "x" * 1000
    facts = {f"{number}{wild}": wild for number in range(30)}
    kept = rules.kept(SecurityEventId(UUID(int=1)), SecurityEvent("LOGIN_FAILED", None, wild, wild, wild, NOON, facts))
    for text in (kept.subject, kept.address, kept.request_id):
        assert text == "a\ufffdb\ufffd\ufffd" + "x" * 495
    found = kept.facts.parse_object()
    assert len(found) == rules.MAX_FACTS
    assert all(len(name) <= 500 and len(str(fact)) <= 500 for name, fact in found.items())


# What waits


class Table:
    """Takes what it is given, refuses what `refuses` names, and may be away."""

    def __init__(self) -> None:
        self.rows: dict[SecurityEventId, KeptEvent] = {}
        self.batches: list[int] = []
        self.away = False
        self.refuses: str | None = None

    async def append(self, events: Sequence[KeptEvent]) -> None:
        if self.away:
            raise Unavailable("away")
        if any(each.subject == self.refuses for each in events):
            raise ValueError("no row")
        self.batches.append(len(events))
        self.rows |= {each.id: each for each in events}

    @property
    def subjects(self) -> list[str | None]:
        return [row.subject for row in self.rows.values()]


def recorded(table: Table, size: int = 1000) -> tuple[RecordedEvents, CollectorRegistry]:
    registry = CollectorRegistry()
    return RecordedEvents(table.append, SecurityMetrics(registry), new_id, size), registry


def not_kept(registry: CollectorRegistry, reason: str) -> float:
    return registry.get_sample_value("feature_api_security_events_not_kept_total", {"reason": reason}) or 0


async def test_events_are_written_in_batches_in_their_order() -> None:
    table = Table()
    events, registry = recorded(table, size=2000)
    for number in range(BATCH + 7):
        events.record(event(subject=str(number)))
    events.count()
    assert registry.get_sample_value("feature_api_security_events_waiting") == BATCH + 7
    await events.flush()
    assert table.batches == [BATCH, 7]
    assert table.subjects == [str(number) for number in range(BATCH + 7)]
    assert registry.get_sample_value("feature_api_security_events_waiting") == 0
    await events.flush()
    assert table.batches == [BATCH, 7]


async def test_a_full_queue_drops_the_newest_and_counts_them_and_logs_them_all_the_same() -> None:
    table = Table()
    events, registry = recorded(table, size=3)
    with capture_logs() as logged:
        for number in range(5):
            events.record(event(subject=str(number)))
    await events.flush()
    assert table.subjects == ["0", "1", "2"]
    assert not_kept(registry, "full") == 2
    assert [line["subject"] for line in logged] == ["0", "1", "2", "3", "4"]
    assert registry.get_sample_value("feature_api_security_events_total", {"kind": "ROLE_CHANGED"}) == 5


async def test_what_could_not_be_written_waits_and_is_written_once() -> None:
    table = Table()
    events, _ = recorded(table)
    table.away = True
    for number in range(3):
        events.record(event(subject=str(number)))
    for _ in range(2):
        with pytest.raises(Unavailable):
            await events.flush()
    table.away = False
    await asyncio.gather(events.flush(), events.flush())
    assert (table.subjects, table.batches) == (["0", "1", "2"], [3])


async def test_an_event_that_the_database_refuses_keeps_back_no_other() -> None:
    table = Table()
    events, registry = recorded(table)
    table.refuses = "1"
    for number in range(3):
        events.record(event(subject=str(number)))
    with capture_logs() as logged:
        await events.flush()
    assert table.subjects == ["0", "2"]
    assert not_kept(registry, "refused") == 1
    assert [line["log_level"] for line in logged] == ["error"]


async def test_what_cannot_be_written_before_the_process_ends_is_counted_as_lost() -> None:
    table = Table()
    events, registry = recorded(table)
    table.away = True
    job = asyncio.create_task(keep_events(events, pause=0, retry=3600))
    events.record(event())
    events.record(event())
    await asyncio.sleep(0)
    with capture_logs() as logged:
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
    assert not_kept(registry, "lost") == 2
    assert [(line["log_level"], line.get("events")) for line in logged if line["log_level"] == "error"] == [
        ("error", 2)
    ]


async def test_announced_event_is_counted_and_logged_and_not_written_again() -> None:
    table = Table()
    events, registry = recorded(table)
    with capture_logs() as logged:
        events.announce(event())
    await events.flush()
    assert (len(logged), table.rows) == (1, {})
    assert registry.get_sample_value("feature_api_security_events_total", {"kind": "ROLE_CHANGED"}) == 1


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        (None, None),
        ("features:update", "features:update"),
        ("VXNlcjowMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDE=", "User:7c3ccd10bb7ec37b"),
        ("00000000-0000-0000-0000-000000000001", "7c3ccd10bb7ec37b"),
        ("00000000000000000000000000000001", "00000000000000000000000000000001"),  # of an email, by who tells
    ],
)
async def test_log_shows_permissions_as_they_are_and_ids_hashed(subject: str | None, told: str | None) -> None:
    events, _ = recorded(Table())
    with capture_logs() as logged:
        events.record(event(subject=subject, fact=subject or "word"))
    assert (logged[0]["subject"], logged[0]["facts"]) == (told, {"fact": told or "word"})
