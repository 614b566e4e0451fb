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
from app.rest import audit_v2, feature_v1, feature_v2, render
from app.rest.failure import Failure
from app.rest.feature_body import CreateV1, CreateV2, PatchV2, ReplaceV1, ReplaceV2
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
    "FeatureV2": feature_v2.shape(FEATURE),
    "AuditEntryV2": audit_v2.shape(ENTRY),
    "RevisionV2": audit_v2.revision_of(ENTRY),
}
PAGES: PageInfo = {"has_next_page": False, "has_previous_page": False, "start_cursor": None, "end_cursor": None}
SLICE: feature_v1.Pagination = {"limit": 20, "offset": 0, "total": 1, "has_more": False}
BESIDE: dict[str, object] = {"page_info": PAGES, "pagination": SLICE}
BODIES: dict[type[BaseModel], object] = {
    CreateV1: VALUES,
    CreateV2: VALUES,
    ReplaceV1: {**VALUES, "status": "inactive"},
    ReplaceV2: {**VALUES, "status": "inactive"},
    PatchV2: {"description": None, "metadata": {"category": "theme"}},
}


def answered(route: Route[Any, Any]) -> object:
    kind = route.answer
    item = [ITEMS[get_args(kind)[0].__name__]] if get_origin(kind) is list else ITEMS[kind.__name__] if kind else None
    answer = Answer(route.status, item, {name: BESIDE[name] for name in route.beside})
    return orjson.loads(render.with_meta(render.head_of(answer), META))


def legacy_error(code: str) -> object:
    return orjson.loads(render.legacy_error(Failure(code, CATALOGUE[code].meaning, []), REQUEST, META))


def problem_error(code: str) -> object:
    return problem(code, CATALOGUE[code].meaning, feature_v2.PATH, REQUEST)
