"""The checker of what was told finds what it is for."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from tests.fixtures.events import Told, faults_of

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
OWNER = UUID(int=9)


def entry(number: int, feature: int, version: int) -> dict[str, Any]:
    return {
        "id": UUID(int=number),
        "feature_id": UUID(int=feature),
        "owner_id": OWNER,
        "actor_id": None,
        "version": version,
        "action": "UPDATE",
        "created_at": AT,
        "request": "r",
        "new_values": '{"name": "a"}',
    }


def event(number: int, feature: int, version: int, name: str = "a") -> Told:
    data = (
        f'{{"action": "UPDATE", "featureId": "{UUID(int=feature)}", "ownerId": "{OWNER}", "actorId": null,'
        f' "version": {version}, "requestId": "r", "newValues": {{"name": "{name}"}}}}'
    )
    subject = {"subject": str(UUID(int=feature)), "version": str(version), "time": AT.isoformat()}
    return {"id": str(UUID(int=number)), **subject, "data": data}


ENTRIES = [entry(1, 1, 1), entry(2, 1, 2), entry(3, 2, 1)]
ONE, TWO, OTHER = event(1, 1, 1), event(2, 1, 2), event(3, 2, 1)


@pytest.mark.parametrize(
    "events",
    [[ONE, TWO, OTHER], [OTHER, ONE, TWO], [ONE, ONE, TWO, OTHER, TWO, ONE]],
    ids=["in order", "features among each other", "told again"],
)
def test_what_is_told_in_its_turn_has_no_fault(events: list[Told]) -> None:
    assert list(faults_of(ENTRIES, events)) == []


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        ([ONE, TWO], "an entry has no event"),
        ([ONE, TWO, OTHER, event(4, 4, 1)], "an event has no entry"),
        ([TWO, ONE, OTHER], "version 2 of"),
        ([ONE, TWO, OTHER, event(2, 1, 2, "b")], "told in two ways"),
        ([ONE, event(2, 1, 2, "b"), OTHER], "not what the entry says"),
        ([ONE, event(2, 1, 3), OTHER], "not what the entry says"),
    ],
    ids=["lost", "made up", "crosswise", "two ways", "other values", "other version"],
)
def test_fault_is_told(events: list[Told], fault: str) -> None:
    assert any(line.startswith(fault) for line in faults_of(ENTRIES, events))
