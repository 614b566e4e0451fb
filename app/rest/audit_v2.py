"""The trail of a feature in v2: its entries, newest first, and what the feature was at each of its versions."""

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from app.domain.audit.model import ORDER, AuditEntry, AuditPageRequest
from app.kernel.errors import NotFound
from app.rest.conditions import tag_of
from app.rest.feature_v2 import ONE, PATH, Nothing
from app.rest.fields import Action, Id
from app.rest.page_v2 import LISTED, PageQuery, links, page_info
from app.rest.route import Answer, Call, Route

MAX_DIGITS = 9  # of a version


class FieldChangeV2(TypedDict):
    """`old` is null when the feature was created."""

    field: str
    old: object
    new: object


class AuditEntryV2(TypedDict):
    id: Id
    feature_id: Id
    actor_id: Id | None
    action: Action
    version: int
    changes: list[FieldChangeV2]
    created_at: datetime


class RevisionV2(TypedDict):
    """A feature as it was, and whose act made it so."""

    feature_id: Id
    version: int
    name: object
    description: object
    status: object
    metadata: object
    action: Action
    actor_id: Id | None
    created_at: datetime


def shape(entry: AuditEntry) -> AuditEntryV2:
    return {
        "id": str(entry.id),
        "feature_id": str(entry.feature_id),
        "actor_id": _id(entry.actor_id),
        "action": entry.action.lower(),
        "version": entry.version,
        "changes": [
            {"field": change.field, "old": _said(change.field, change.old), "new": _said(change.field, change.new)}
            for change in entry.changes
        ],
        "created_at": entry.created_at,
    }


def revision_of(entry: AuditEntry) -> RevisionV2:
    values = entry.new_values.parse_object() if entry.new_values else {}
    return {
        "feature_id": str(entry.feature_id),
        "version": entry.version,
        "name": values.get("name"),
        "description": values.get("description"),
        "status": _said("status", values.get("status")),
        "metadata": values.get("metadata"),
        "action": entry.action.lower(),
        "actor_id": _id(entry.actor_id),
        "created_at": entry.created_at,
    }


def _id(id: UUID | None) -> str | None:
    return None if id is None else str(id)


def _said(field: str, value: object) -> object:
    """The trail keeps the domain's words, REST says a status in lower case."""
    return value.lower() if field == "status" and isinstance(value, str) else value


async def list_entries(call: Call[PageQuery, None]) -> Answer:
    id, asked = call.id, call.query.window(ORDER, temporal=True)
    page = await call.context.audit.trail(id, AuditPageRequest(asked))
    info = page_info(page)
    neighbours = links(info, asked, f"{PATH}/{id}/audit-entries", call.query_string)
    return Answer(200, [shape(entry) for entry in page.nodes], {"page_info": info}, tagged=True, headers=neighbours)


async def get_revision(call: Call[Nothing, None]) -> Answer:
    text = call.parameters["version"]
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise NotFound("A version is a whole number.", ("version",))
    entry = await call.context.audit.entry_of_version(call.id, int(text))
    return Answer(200, revision_of(entry), tag=tag_of(entry.version))


ROUTES = (
    Route(
        "GET",
        f"{ONE}/audit-entries",
        "List the changes of a feature",
        list_entries,
        PageQuery,
        list[AuditEntryV2],
        beside=LISTED,
    ),
    Route("GET", f"{ONE}/revisions/{{version}}", "Get a feature as it was", get_revision, Nothing, RevisionV2),
)
