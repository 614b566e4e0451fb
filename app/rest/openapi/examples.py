"""Examples in the document: made by the code that answers, of one feature whose life is the same everywhere."""

from datetime import UTC, datetime
from typing import Any, get_args, get_origin
from uuid import UUID

import orjson
from pydantic import BaseModel

from app.domain.audit.model import AuditEntry
from app.domain.feature.model import Feature
from app.http.catalogue import CATALOGUE
from app.http.problem import problem
from app.kernel.ids import AuditEntryId, FeatureId, UserId
from app.kernel.json import dump
from app.rest import audit_v2, bulk_v2, export_v2, feature_v1, feature_v2, import_v2, render, row_v2
from app.rest.bulk_v2 import BulkV2
from app.rest.failure import Failure
from app.rest.feature_body import CreateV1, CreateV2, PatchV2, ReplaceV1, ReplaceV2
from app.rest.feature_v2 import RevertV2
from app.rest.import_lines import CSV, MEDIA
from app.rest.imported import BadLine
from app.rest.page_v2 import PageInfo
from app.rest.route import Answer, Route

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
OWNER = UserId(UUID("01928c3e-0000-7000-8000-000000000001"))
ID = FeatureId(UUID("01928c3e-7a4b-7c11-9d2e-0b6f5a1c2d3e"))
REQUEST = "0f8fad5bd9cb469fa16570867728950e"
META = render.meta_of(REQUEST, "1.0.0", NOW)
VALUES: dict[str, object] = {"name": "Dark mode", "description": "For the night.", "metadata": {"tags": ["ui"]}}

FEATURE = Feature(
    ID, OWNER, "Dark mode", "For the night.", "ACTIVE", None, dump(VALUES["metadata"]), None, ["ui"], 1, NOW, NOW, None
)
ENTRY = AuditEntry(
    AuditEntryId(UUID("01928c3e-7a4b-7c11-9d2e-0b6f5a1c2d3f")),
    ID, OWNER, OWNER, "CREATE", 1, ["name"], None, dump({**VALUES, "status": "ACTIVE"}), dump({}), NOW,
)  # fmt: skip
ITEMS: dict[str, object] = {
    "FeatureV1": feature_v1.shape(FEATURE),
    "FeatureV2": row_v2.shape(FEATURE),
    "AuditEntryV2": audit_v2.shape(ENTRY),
    "RevisionV2": audit_v2.revision_of(ENTRY),
    "DoneV2": bulk_v2.DoneV2(status=201, data=row_v2.shape(FEATURE)),
    "ImportedV2": import_v2.ImportedV2(dry_run=False, lines=2, bad_lines=[]),
}
PAGES: PageInfo = {"has_next_page": False, "has_previous_page": False, "start_cursor": None, "end_cursor": None}
SLICE: feature_v1.Pagination = {"limit": 20, "offset": 0, "total": 1, "has_more": False}
DONE: bulk_v2.SummaryV2 = {"succeeded": 1, "failed": 0}
BESIDE: dict[str, object] = {"page_info": PAGES, "pagination": SLICE, "summary": DONE}
BODIES: dict[type[BaseModel], object] = {
    CreateV1: VALUES,
    CreateV2: VALUES,
    ReplaceV1: {**VALUES, "status": "inactive"},
    ReplaceV2: {**VALUES, "status": "inactive"},
    BulkV2: {"atomic": True, "items": [{"op": "create", **VALUES}]},
    RevertV2: {"version": 1},
    PatchV2: {"description": None, "metadata": {"category": "theme"}},
}

BULK = f"{feature_v2.PATH}/bulk#/items/"
TEXT = {"type": "string"}
JSON_LINES = export_v2.json_line(FEATURE).decode()
TABLE = (export_v2.HEADS["csv"] + export_v2.csv_line(FEATURE)).decode()
EXPORTED = {
    "application/jsonl": {"schema": {**TEXT, "description": "Each line a `FeatureV2`."}, "example": JSON_LINES},
    CSV: {
        "schema": {**TEXT, "description": "RFC 4180, with the fields of `FeatureV2` for a header."},
        "example": TABLE,
    },
}
# As an export has it, or with nothing but names.
SENT = {media: {"schema": TEXT, "example": TABLE if media == CSV else JSON_LINES} for media in MEDIA}


def answered(route: Route[Any, Any]) -> object:
    kind = route.answer
    item = [ITEMS[get_args(kind)[0].__name__]] if get_origin(kind) is list else ITEMS[kind.__name__] if kind else None
    answer = Answer(route.status, item, {name: BESIDE[name] for name in route.beside})
    return _body(answer)


def answered_partly(route: Route[Any, Any]) -> object:
    """207: of a bulk with `atomic`, which undoes all, and of an import."""
    if route.body is BulkV2:
        items = [
            {
                "status": CATALOGUE[code].status,
                "problem": problem(code, CATALOGUE[code].meaning, f"{BULK}{place}", REQUEST),
            }
            for place, code in enumerate(("UNDONE", "DUPLICATE_NAME"))
        ]
        return _body(Answer(207, items, {"summary": {"succeeded": 0, "failed": 2}}))
    taken = BadLine(line=2, code="DUPLICATE_NAME", message=CATALOGUE["DUPLICATE_NAME"].meaning)
    return _body(Answer(207, import_v2.ImportedV2(dry_run=False, lines=1, bad_lines=[taken])))


def _body(answer: Answer) -> object:
    return orjson.loads(render.with_meta(render.head_of(answer), META))


def legacy_error(code: str) -> object:
    return orjson.loads(render.legacy_error(Failure(code, CATALOGUE[code].meaning, []), REQUEST, META))


def problem_error(code: str) -> object:
    return problem(code, CATALOGUE[code].meaning, feature_v2.PATH, REQUEST)
