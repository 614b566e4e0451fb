"""Calls of v1 in memory: added up by user, day and operation, and never lost while the database is away."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from app.adapters import legacy_calls
from app.adapters.legacy_calls import CountedLegacyCalls
from app.kernel.clock import new_id
from app.kernel.errors import Unavailable
from app.kernel.ids import UserId
from app.telemetry import metrics as telemetry
from app.telemetry.logs import hashed
from app.telemetry.metrics import LegacyMetrics
from app.telemetry.shared import exposition

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = NOON.date()
GET, POST = "GET /api/v1/features", "POST /api/v1/features"


class Store:
    def __init__(self) -> None:
        self.noted: list[Mapping[tuple[UserId, date, str], tuple[int, datetime]]] = []
        self.away = False
        self.now = NOON
        self.registry = CollectorRegistry()
        self.calls = CountedLegacyCalls(self.note, LegacyMetrics(self.registry), lambda: self.now)

    async def note(self, counts: Mapping[tuple[UserId, date, str], tuple[int, datetime]]) -> None:
        if self.away:
            self.calls.count(ANN, GET)  # somebody calls meanwhile
            raise Unavailable("away")
        self.noted.append(dict(counts))


ANN, BEN = UserId(new_id()), UserId(new_id())


async def test_calls_are_added_up_by_user_day_and_operation_and_written_once() -> None:
    store = Store()
    for user, operation, hours in ((ANN, GET, 0), (ANN, GET, 1), (ANN, POST, 2), (BEN, GET, 3), (ANN, GET, 13)):
        store.now = NOON + timedelta(hours=hours)
        store.calls.count(user, operation)
    assert store.noted == []
    await store.calls.note()
    await store.calls.note()
    first = {
        (ANN, DAY, GET): (2, NOON + timedelta(hours=1)),
        (ANN, DAY, POST): (1, NOON + timedelta(hours=2)),
        (BEN, DAY, GET): (1, NOON + timedelta(hours=3)),
        (ANN, DAY + timedelta(days=1), GET): (1, NOON + timedelta(hours=13)),
    }
    assert store.noted == [first, {}]


async def test_what_cannot_be_written_is_kept_and_added_to() -> None:
    store = Store()
    store.calls.count(ANN, GET)
    store.away, store.now = True, NOON + timedelta(hours=1)
    with pytest.raises(Unavailable):
        await store.calls.note()
    store.away = False
    await store.calls.note()
    assert store.noted == [{(ANN, DAY, GET): (2, NOON + timedelta(hours=1))}]


async def test_memory_is_bounded_and_who_is_known_goes_on_being_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legacy_calls, "MOST", 1)
    store = Store()
    for user in (ANN, BEN, ANN):
        store.calls.count(user, GET)
    await store.calls.note()
    assert store.noted == [{(ANN, DAY, GET): (2, NOON)}]


def test_metric_names_no_user_and_as_many_as_a_scrape_can_bear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "LEGACY_USERS", 1)
    store = Store()
    for user in (ANN, BEN, ANN):
        store.calls.count(user, GET)
    told = exposition(store.registry).decode()
    assert f'feature_api_legacy_calls_total{{operation="{GET}",user="{hashed(ANN)}"}} 2.0' in told
    assert f'feature_api_legacy_calls_total{{operation="{GET}",user="other"}} 1.0' in told
    assert str(ANN) not in told and hashed(BEN) not in told
