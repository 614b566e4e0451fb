"""Every act on a feature of every status: what comes out, what is said of it, and what is refused."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.domain.feature import acts
from app.domain.feature.events import Origin, change, changed_fields, conflicts, event_payload
from app.domain.feature.inputs import ABSENT, FeaturePatch
from app.domain.feature.model import Feature, FeatureStatus
from app.kernel.errors import InvalidInput, InvalidTransition
from app.kernel.ids import AuditEntryId, FeatureId, UserId
from app.kernel.json import dump

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ACTS = {
    "ACTIVATE": acts.ACTIVATE,
    "DEACTIVATE": acts.DEACTIVATE,
    "ARCHIVE": acts.ARCHIVE,
    "DELETE": acts.DELETE,
    "RESTORE": acts.RESTORE,
}
REFUSED = "refused"
OUTCOMES: dict[FeatureStatus, dict[str, str]] = {
    "ACTIVE": {
        "ACTIVATE": "ACTIVE",
        "DEACTIVATE": "INACTIVE",
        "ARCHIVE": "ARCHIVED",
        "DELETE": "DELETED",
        "RESTORE": "ACTIVE",
    },
    "INACTIVE": {
        "ACTIVATE": "ACTIVE",
        "DEACTIVATE": "INACTIVE",
        "ARCHIVE": "ARCHIVED",
        "DELETE": "DELETED",
        "RESTORE": "INACTIVE",
    },
    "ARCHIVED": {
        "ACTIVATE": "ACTIVE",
        "DEACTIVATE": REFUSED,
        "ARCHIVE": "ARCHIVED",
        "DELETE": "DELETED",
        "RESTORE": "ARCHIVED",
    },
}


def feature(status: FeatureStatus = "ACTIVE", **given: Any) -> Feature:
    made = Feature(
        id=FeatureId(UUID(int=1)),
        owner_id=UserId(UUID(int=2)),
        name="Dark mode",
        description=None,
        status=status,
        status_before_delete=None,
        metadata=dump({"tags": ["ui"]}),
        category=None,
        tags=["ui"],
        version=3,
        created_at=NOW,
        updated_at=NOW,
        deleted_at=None,
    )
    return replace(made, **given)


@pytest.mark.parametrize(
    ("status", "name", "outcome"),
    [(status, name, outcome) for status, row in OUTCOMES.items() for name, outcome in row.items()],
)
def test_an_act_leads_from_each_status_where_the_table_says(status: FeatureStatus, name: str, outcome: str) -> None:
    act, before = ACTS[name], feature(status)
    assert act.action == name
    if outcome == REFUSED:
        with pytest.raises(InvalidTransition, match=f"from {status} to INACTIVE"):
            act.check(before)
        return
    act.check(before)
    after = act.outcome(before, NOW)
    assert after.status == outcome
    assert changed_fields(before, after) == ([] if outcome == status else ["status"])


@pytest.mark.parametrize("status", ["ACTIVE", "INACTIVE", "ARCHIVED"])
def test_what_is_deleted_remembers_its_status_and_is_restored_to_it(status: FeatureStatus) -> None:
    before = feature(status)
    deleted = acts.DELETE.outcome(before, NOW)
    assert (deleted.status, deleted.status_before_delete, deleted.deleted_at) == ("DELETED", status, NOW)
    assert acts.RESTORE.outcome(deleted, NOW) == before


def test_only_restore_finds_what_is_deleted() -> None:
    assert [name for name, act in ACTS.items() if act.finds_deleted] == ["RESTORE"]
    assert not acts.update(FeaturePatch()).finds_deleted


# Updates


@pytest.mark.parametrize(
    ("patch", "fields"),
    [
        (FeaturePatch(), []),
        (FeaturePatch(name=" Dark mode "), []),
        (FeaturePatch(name="Dark Mode"), ["name"]),
        (FeaturePatch(description=None), []),
        (FeaturePatch(description=""), ["description"]),
        (FeaturePatch(metadata={"tags": ["ui"]}), []),
        (FeaturePatch(metadata={"tags": []}), ["metadata"]),
        (FeaturePatch(name="x", description="y", metadata={}), ["name", "description", "metadata"]),
    ],
)
def test_a_patch_changes_what_it_says_and_nothing_else(patch: FeaturePatch, fields: list[str]) -> None:
    before = feature()
    assert changed_fields(before, acts.update(patch).outcome(before, NOW)) == fields


@pytest.mark.parametrize(
    ("old", "new", "differ"),
    [
        ({"a": 1, "b": [1, {"c": None}]}, {"b": [1, {"c": None}], "a": 1}, False),
        ({"a": 1}, {"a": 1.0}, False),
        ({"a": 1}, {"a": True}, True),
        ({"a": [0]}, {"a": [False]}, True),
        ({"a": {"b": 0}}, {"a": {"b": False}}, True),
        ({"a": None}, {}, True),
        ({"a": [1, 2]}, {"a": [2, 1]}, True),
        ({"a": [1]}, {"a": [1, 1]}, True),
        ({"a": "1"}, {"a": 1}, True),
    ],
)
def test_metadata_is_compared_by_what_it_says(old: object, new: object, differ: bool) -> None:
    before = feature(metadata=dump(old))
    after = acts.update(FeaturePatch(metadata=new)).outcome(before, NOW)
    assert changed_fields(before, after) == (["metadata"] if differ else [])


def test_every_bad_field_of_a_patch_is_a_problem_of_its_own() -> None:
    with pytest.raises(InvalidInput) as refused:
        acts.update(FeaturePatch(name=None, description="x" * 2001, metadata=None))
    assert [(problem.path, problem.issue) for problem in refused.value.problems] == [
        (("name",), "REQUIRED"),
        (("description",), "MAX_LENGTH"),
        (("metadata",), "TYPE"),
    ]
    assert refused.value.path == ("name",)


def test_an_absent_field_is_never_a_problem() -> None:
    patch = FeaturePatch()
    assert (patch.name, patch.description, patch.metadata) == (ABSENT, ABSENT, ABSENT)
    assert acts.update(patch).outcome(feature(), NOW) == feature()


def test_conflicts_are_the_fields_wanted_other_than_they_are() -> None:
    current = feature(name="Theirs")
    wanted = acts.update(FeaturePatch(name="Mine", description=None, metadata={"a": 1})).outcome(current, NOW)
    found = conflicts(current, wanted)
    assert [conflict.field for conflict in found] == ["name", "metadata"]
    assert (found[0].current, found[0].proposed) == ("Theirs", "Mine")
    assert (found[1].current, found[1].proposed) == (dump({"tags": ["ui"]}), dump({"a": 1}))


# What a change leaves behind


@pytest.mark.parametrize(
    ("before", "after", "delta"),
    [
        (None, "ACTIVE", 1),
        ("ACTIVE", "ACTIVE", 0),
        ("ACTIVE", "INACTIVE", -1),
        ("ACTIVE", "DELETED", -1),
        ("ARCHIVED", "ACTIVE", 1),
        ("DELETED", "ACTIVE", 1),
        ("DELETED", "INACTIVE", 0),
        ("INACTIVE", "ARCHIVED", 0),
    ],
)
def test_the_owners_counter_moves_with_the_status(
    before: FeatureStatus | None, after: FeatureStatus, delta: int
) -> None:
    was = feature(before) if before else None
    made = change(AuditEntryId(UUID(int=3)), was, feature(after), "UPDATE", Origin(UserId(UUID(int=4)), "r1"))
    assert made.active_delta == delta


def test_a_change_says_who_did_what_in_which_request() -> None:
    before, after = feature(), feature(name="Night mode", version=4)
    made = change(AuditEntryId(UUID(int=3)), before, after, "UPDATE", Origin(UserId(UUID(int=4)), "r1"))
    entry = made.entry
    assert (entry.id.int, entry.feature_id, entry.owner_id, entry.actor_id) == (
        3,
        after.id,
        after.owner_id,
        UUID(int=4),
    )
    assert (entry.action, entry.version, entry.changed_fields) == ("UPDATE", 4, ["name"])
    old = {"name": "Dark mode", "description": None, "status": "ACTIVE", "metadata": {"tags": ["ui"]}}
    assert entry.old_values is not None and entry.old_values.parse() == old
    assert entry.new_values is not None and entry.new_values.parse() == {**old, "name": "Night mode"}
    assert entry.metadata.parse() == {"requestId": "r1"}
    assert event_payload(made).parse() == {
        "action": "UPDATE",
        "featureId": str(after.id),
        "ownerId": str(after.owner_id),
        "actorId": str(UUID(int=4)),
        "version": 4,
        "requestId": "r1",
        "newValues": {**old, "name": "Night mode"},
    }


# Updates with a status, and merges


@pytest.mark.parametrize("status", ["ACTIVE", "INACTIVE", "ARCHIVED"])
@pytest.mark.parametrize("target", ["ACTIVE", "INACTIVE", "ARCHIVED"])
def test_an_update_with_a_status_leads_where_the_act_of_that_status_does(
    status: FeatureStatus, target: acts.Settable
) -> None:
    before, act = feature(status), acts.update(FeaturePatch(name="x"), target)
    if OUTCOMES[status][acts.TO_STATUS[target].action] == REFUSED:
        with pytest.raises(InvalidTransition):
            act.check(before)
        return
    act.check(before)
    assert act.outcome(before, NOW) == replace(before, name="x", status=target)


def test_an_update_is_named_after_the_status_only_where_nothing_else_changes() -> None:
    act = acts.update(FeaturePatch(name="x"), "ARCHIVED")
    assert act.action_on(["status"]) == "ARCHIVE"
    assert act.action_on(["name", "status"]) == act.action_on(["name"]) == "UPDATE"
    assert acts.ARCHIVE.action_on(["status"]) == "ARCHIVE"
    assert acts.update(FeaturePatch()).action_on(["status"]) == "UPDATE"


def test_an_update_with_a_status_needs_the_permissions_of_both() -> None:
    assert [grants.scope for grants in acts.update(FeaturePatch(), "ARCHIVED").needed] == [
        "features:update",
        "features:archive",
    ]
    assert [grants.scope for grants in acts.update(FeaturePatch()).needed] == ["features:update"]


def test_a_merge_leaves_what_it_does_not_name() -> None:
    before = feature(metadata=dump({"tags": ["ui"], "deep": {"a": 1, "b": 2}}))
    act = acts.update(FeaturePatch(metadata={"tags": None, "deep": {"b": None, "c": 3}}, merges=True))
    act.check(before)
    assert act.outcome(before, NOW) == replace(before, metadata=dump({"deep": {"a": 1, "c": 3}}))


@pytest.mark.parametrize(
    ("metadata", "path", "issue"),
    [
        ({"tags": "ui"}, ("metadata", "tags"), "TYPE"),
        ({"more": "x" * 10_000}, ("metadata",), "MAX_LENGTH"),
    ],
)
@pytest.mark.parametrize("status", [None, "ARCHIVED"])
def test_a_merge_is_checked_by_what_comes_out(
    status: acts.Settable | None, metadata: object, path: tuple[str, ...], issue: str
) -> None:
    before = feature(metadata=dump({"some": "x" * 10_000}))
    act = acts.update(FeaturePatch(metadata=metadata, merges=True), status)
    with pytest.raises(InvalidInput) as refused:
        act.check(before)
    assert [(problem.path, problem.issue) for problem in refused.value.problems] == [(path, issue)]


def test_a_merge_that_cannot_be_kept_is_refused_before_there_is_a_feature() -> None:
    deep: dict[str, object] = {}
    for _ in range(9):
        deep = {"x": deep}
    bad: list[object] = [[], "x", None, deep, {"x": "\0"}, {"x": "y" * 17_000}]
    for metadata in bad:
        with pytest.raises(InvalidInput):
            acts.update(FeaturePatch(metadata=metadata, merges=True))
