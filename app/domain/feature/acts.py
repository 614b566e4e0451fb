"""What can be done to a feature that exists: each act says who may, what comes out, and when it is refused."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from app.domain.audit import rules as audit_rules
from app.domain.audit.model import AuditAction
from app.domain.feature import rules
from app.domain.feature.inputs import FeaturePatch, clean
from app.domain.feature.model import Feature, FeatureStatus
from app.kernel.actor import Grants
from app.kernel.errors import NotFound
from app.kernel.json import Json, dump

type Settable = Literal["ACTIVE", "INACTIVE", "ARCHIVED"]  # what an update may make of a status


def _always(feature: Feature) -> None:
    """The act is never refused for what the feature is."""


@dataclass(frozen=True, slots=True)
class Act:
    """`outcome` takes the time of the act, and must not raise; `check` raises InvalidTransition, InvalidInput or
    NotFound. `also`: a permission that it needs besides. `action_on_status`: what it is where nothing but the status
    changes, if that has a name of its own."""

    action: AuditAction
    grants: Grants
    outcome: Callable[[Feature, datetime], Feature]
    check: Callable[[Feature], None] = _always
    finds_deleted: bool = False
    also: Grants | None = None
    action_on_status: AuditAction | None = None

    @property
    def needed(self) -> tuple[Grants, ...]:
        return (self.grants,) if self.also is None else (self.grants, self.also)

    def action_on(self, changed: Sequence[str]) -> AuditAction:
        """What the trail calls it."""
        return self.action_on_status if self.action_on_status and list(changed) == ["status"] else self.action


def update(patch: FeaturePatch, status: Settable | None = None) -> Act:
    """Of the status too, where one is given, in the same change. Raises InvalidInput with every field that breaks a
    rule."""
    cleaned, grants = clean(patch), rules.GRANTS["UPDATE"]
    if status is None:
        return Act("UPDATE", grants, lambda feature, now: cleaned.applied_to(feature), cleaned.check)
    to = TO_STATUS[status]

    def check(feature: Feature) -> None:
        to.check(feature)
        cleaned.check(feature)

    return Act(
        "UPDATE",
        grants,
        lambda feature, now: to.outcome(cleaned.applied_to(feature), now),
        check,
        also=to.grants,
        action_on_status=to.action,
    )


def _to(action: AuditAction, permission: rules.Permission, target: FeatureStatus) -> Act:
    return Act(
        action,
        rules.GRANTS[permission],
        lambda feature, now: replace(feature, status=target),
        lambda feature: rules.check_transition(feature, target),
    )


def _deleted(feature: Feature, now: datetime) -> Feature:
    return replace(feature, status="DELETED", status_before_delete=feature.status, deleted_at=now)


def _restored(feature: Feature, now: datetime) -> Feature:
    """To what it was before it was deleted; one that is not deleted stays as it is."""
    status = feature.status_before_delete or feature.status
    return replace(feature, status=status, status_before_delete=None, deleted_at=None)


ACTIVATE = _to("ACTIVATE", "UPDATE", "ACTIVE")
DEACTIVATE = _to("DEACTIVATE", "UPDATE", "INACTIVE")
ARCHIVE = _to("ARCHIVE", "ARCHIVE", "ARCHIVED")
DELETE = Act("DELETE", rules.GRANTS["DELETE"], _deleted)
TO_STATUS: Mapping[Settable, Act] = {"ACTIVE": ACTIVATE, "INACTIVE": DEACTIVATE, "ARCHIVED": ARCHIVE}
RESTORE = Act("RESTORE", rules.GRANTS["RESTORE"], _restored, finds_deleted=True)


def revert(values: Json | None) -> Act:
    """To what the trail says it was at an earlier version, None where there was none: the status too, if it leads
    there. It needs to read the trail, too: what comes out tells of it."""

    def outcome(feature: Feature, now: datetime) -> Feature:
        if values is None:
            return feature
        was: Mapping[str, Any] = values.parse_object()
        name, description, status = was["name"], was["description"], was["status"]
        return replace(feature, name=name, description=description, status=status, metadata=dump(was["metadata"]))

    def check(feature: Feature) -> None:
        if values is None:
            raise NotFound("The feature never had this version.", ("version",))
        rules.check_transition(feature, outcome(feature, feature.updated_at).status)

    return Act("REVERT", rules.GRANTS["REVERT"], outcome, check, also=audit_rules.READ)
