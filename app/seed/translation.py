"""One feature of the published catalogue as one of ours, with its trail."""

from app.domain.audit.model import AuditEntry
from app.domain.feature.model import Feature
from app.kernel.ids import AuditEntryId, FeatureId, UserId
from app.kernel.json import Json, dump
from app.seed.history import DISCOURAGED, Step
from app.seed.identity import SOME_TIME, derived_id
from app.seed.source import EDITION, CatalogueUnfit, Group, WebFeature, path_of

DESCRIPTION = 2000  # characters (R1)
METADATA = 16 * 1024  # bytes of compact JSON (R1)
FEW = 10  # so many keys of compatibility data are kept; some features have hundreds
# What has no group has its compatibility data in an area, if it has any.
AREAS = {"api": "Web APIs", "css": "CSS", "html": "HTML", "http": "HTTP", "javascript": "JavaScript", "svg": "SVG"}
NO_AREA = "Other"
FIELDS = ("name", "description", "status", "metadata")
ORIGIN = dump({"requestId": "seed", "source": EDITION})


def translate(
    key: str, name: str, owner: UserId, found: WebFeature, groups: dict[str, Group], steps: list[Step]
) -> tuple[Feature, list[AuditEntry]]:
    """The feature as the last step leaves it, and one entry per step. Raises CatalogueUnfit."""
    feature_id = FeatureId(derived_id(SOME_TIME, "feature", key))
    entries: list[AuditEntry] = []
    old: dict[str, object] = {}
    for version, step in enumerate(steps, 1):
        new: dict[str, object] = {
            "name": name,
            "description": _cut(found.description, DESCRIPTION),
            "status": step.status,
            "metadata": _metadata(key, found, groups, step.marks),
        }
        entry = AuditEntry(
            id=AuditEntryId(derived_id(step.at, "entry", key, str(version))),
            feature_id=feature_id,
            owner_id=owner,
            actor_id=owner,
            action=step.action,
            version=version,
            changed_fields=[field for field in FIELDS if old.get(field) != new[field]],
            old_values=entries[-1].new_values if entries else None,
            new_values=dump(new),
            metadata=ORIGIN,
            created_at=step.at,
        )
        entries.append(entry)
        old = new
    metadata = _metadata(key, found, groups, steps[-1].marks)
    feature = Feature(
        id=feature_id,
        owner_id=owner,
        name=name,
        description=_cut(found.description, DESCRIPTION),
        status=steps[-1].status,
        status_before_delete=None,
        metadata=_fitting(key, dump(metadata)),
        category=category_of(found, groups),
        tags=_tags(found, steps[-1].marks),
        version=len(steps),
        created_at=steps[0].at,
        updated_at=steps[-1].at,
        deleted_at=None,
    )
    return feature, entries


def category_of(found: WebFeature, groups: dict[str, Group]) -> str:
    """The name of the first group's top-most one, so that one filter finds all of CSS; the groups themselves are tags.
    Without a group, the area of its compatibility data."""
    if found.group:
        return groups[path_of(found.group[0], groups)[0]].name
    areas = (AREAS.get(compatibility.partition(".")[0]) for compatibility in found.compat_features)
    return next((area for area in areas if area), NO_AREA)


def _tags(found: WebFeature, marks: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys((*marks, *found.group, *found.snapshot)))


def _metadata(key: str, found: WebFeature, groups: dict[str, Group], marks: tuple[str, ...]) -> dict[str, object]:
    document: dict[str, object] = {
        "category": category_of(found, groups),
        "tags": _tags(found, marks),
        "key": key,
        "specifications": found.spec,
    }
    if found.group:
        document["groups"] = [path_of(group, groups) for group in found.group]
    if found.caniuse:
        document["caniuse"] = found.caniuse
    if 0 < len(found.compat_features) <= FEW:
        document["compatibility"] = found.compat_features
    if found.discouraged is not None and DISCOURAGED in marks:
        document["discouraged"] = {
            "reason": found.discouraged.reason,
            "accordingTo": found.discouraged.according_to,
            "alternatives": found.discouraged.alternatives,
        }
    return document


def _fitting(key: str, metadata: Json) -> Json:
    if len(metadata.text) > METADATA:
        raise CatalogueUnfit(f"The catalogue's feature {key!r} has more than {METADATA} bytes of metadata.")
    return metadata


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
