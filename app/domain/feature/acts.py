"""What can be done to a feature that exists: each act says who may, what comes out, and when it is refused."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.audit.model import AuditAction
from app.domain.feature import rules
from app.domain.feature.inputs import FeaturePatch, clean
from app.domain.feature.model import Feature, FeatureStatus
from app.kernel.actor import Grants


def _always(feature: Feature) -> None:
    """The act is never refused for what the feature is."""


@dataclass(frozen=True, slots=True)
class Act:
    """`outcome` takes the time of the act, and must not raise; `check` raises InvalidTransition."""

    action: AuditAction
    grants: Grants
    outcome: Callable[[Feature, datetime], Feature]
    check: Callable[[Feature], None] = _always
    finds_deleted: bool = False


def update(patch: FeaturePatch) -> Act:
    """Raises InvalidInput with every field that breaks a rule."""
    cleaned = clean(patch)
    return Act("UPDATE", rules.GRANTS["UPDATE"], lambda feature, now: cleaned.applied_to(feature))


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
RESTORE = Act("RESTORE", rules.GRANTS["RESTORE"], _restored, finds_deleted=True)
