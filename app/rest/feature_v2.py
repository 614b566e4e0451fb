"""/api/v2/features: pages by cursor, merge patch, acts, and a version demanded for every change of what exists."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal, TypedDict
from uuid import UUID

import orjson
from pydantic import BeforeValidator, ConfigDict, Field

from app.domain.feature import acts, rules
from app.domain.feature.inputs import FeatureDraft
from app.domain.feature.model import Feature, FeatureFilter, FeaturePageRequest
from app.kernel.ids import UserId
from app.rest.conditions import expected_version, tag_of
from app.rest.feature_body import STATUSES, CreateV2, PatchV2, ReplaceV2
from app.rest.feature_list import ORDERS, Labels, Search, Sort
from app.rest.fields import AnyObject, AnyStatus, Id
from app.rest.page_v2 import LISTED, PageQuery, links, page_info
from app.rest.route import (
    CHANGING,
    CREATING,
    JSON,
    MERGE_PATCH,
    Answer,
    Call,
    Conflicts,
    Refuses,
    Route,
)

PATH = "/api/v2/features"
ONE = f"{PATH}/{{id}}"
MAX_VERSION = 2**31 - 1


class Nothing(Refuses):
    """No parameters."""


class FilterQuery(Refuses):
    """What may come more than once means: one of these."""

    status: tuple[Literal["active", "inactive", "archived", "deleted"], ...] = ()
    category: Labels = ()
    tag: Labels = ()
    owner_id: UUID | None = None
    q: Search = None

    def filter(self) -> FeatureFilter:
        """Raises BadUserInput."""
        return FeatureFilter(
            search=rules.clean_search(self.q, ("q",)),
            status=tuple(status.upper() for status in self.status) or None,
            category=rules.clean_labels(self.category or None, ("category",)),
            tags=rules.clean_labels(self.tag or None, ("tag",)),
            owner_id=None if self.owner_id is None else UserId(self.owner_id),
        )


class ListV2(PageQuery, FilterQuery):
    sort: Sort = "created_at:desc"


def whole(found: object) -> object:
    """JSON has one kind of numbers: 4.0 is the integer 4 (JSON Schema, "integer")."""
    return int(found) if isinstance(found, float) and found.is_integer() else found


class RevertV2(Refuses):
    model_config = ConfigDict(strict=True)

    version: Annotated[
        int, Field(ge=1, le=MAX_VERSION, description="The version to set it back to."), BeforeValidator(whole)
    ]


class FeatureV2(TypedDict):
    id: Id
    owner_id: Id
    name: str
    description: str | None
    status: AnyStatus
    metadata: AnyObject
    category: str | None
    tags: list[str]
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


def shape(feature: Feature) -> FeatureV2:
    return {
        "id": str(feature.id),
        "owner_id": str(feature.owner_id),
        "name": feature.name,
        "description": feature.description,
        "status": feature.status.lower(),
        "metadata": orjson.Fragment(feature.metadata.text),
        "category": feature.category,
        "tags": feature.tags,
        "version": feature.version,
        "created_at": feature.created_at,
        "updated_at": feature.updated_at,
        "deleted_at": feature.deleted_at,
    }


def answered(feature: Feature) -> Answer:
    return Answer(200, shape(feature), tag=tag_of(feature.version))


async def create(call: Call[Nothing, CreateV2]) -> Answer:
    body = call.body
    owner_id = None if body.owner_id is None else UserId(body.owner_id)
    feature = await call.context.feature.create(FeatureDraft(body.name, body.description, body.metadata, owner_id))
    location = (b"location", f"{PATH}/{feature.id}".encode())
    return Answer(201, shape(feature), tag=tag_of(feature.version), headers=[location])


async def list_page(call: Call[ListV2, None]) -> Answer:
    query, order = call.query, ORDERS[call.query.sort]
    wanted = query.filter()
    asked = query.window(order.name, temporal=order.temporal)
    page = await call.context.feature.page(FeaturePageRequest(asked, wanted, order))
    info = page_info(page)
    neighbours = links(info, asked, PATH, call.query_string)
    return Answer(200, [shape(feature) for feature in page.nodes], {"page_info": info}, tagged=True, headers=neighbours)


async def get(call: Call[Nothing, None]) -> Answer:
    return answered(await call.context.feature.get(call.id))


async def replace(call: Call[Nothing, ReplaceV2]) -> Answer:
    body = call.body
    status = None if body.status is None else STATUSES[body.status]
    return answered(await call.context.feature.update(call.id, body.patch(), expected_version(call.headers), status))


async def patch(call: Call[Nothing, PatchV2]) -> Answer:
    body = call.body
    status = None if body.status is None else STATUSES[body.status]
    return answered(await call.context.feature.update(call.id, body.patch(), expected_version(call.headers), status))


async def delete(call: Call[Nothing, None]) -> Answer:
    await call.context.feature.change(call.id, acts.DELETE, expected_version(call.headers))
    return Answer(204)


async def revert(call: Call[Nothing, RevertV2]) -> Answer:
    expected = expected_version(call.headers)
    return answered(await call.context.feature.revert(call.id, call.body.version, expected))


def doing(act: acts.Act) -> Callable[[Call[Nothing, None]], Awaitable[Answer]]:
    async def do(call: Call[Nothing, None]) -> Answer:
        return answered(await call.context.feature.change(call.id, act, expected_version(call.headers)))

    do.__name__ = act.action.lower()
    return do


def _act(name: str, summary: str, act: acts.Act, *conflicts: Conflicts) -> Route[Nothing, None]:
    found = tuple(code for codes in conflicts for code in codes)
    return Route(
        "POST",
        f"{ONE}/{name}",
        summary,
        doing(act),
        Nothing,
        FeatureV2,
        grants=act.grants,
        demands=True,
        conflicts=found,
    )


LIMITED: Conflicts = ("FEATURE_LIMIT_EXCEEDED",)
MOVED: Conflicts = ("INVALID_TRANSITION",)
MERGE = (MERGE_PATCH, JSON)
CHANGE = rules.GRANTS["UPDATE"]
ROUTES = (
    Route(
        "POST", PATH, "Create a feature", create, Nothing, FeatureV2, CreateV2, 201, rules.CREATE, conflicts=CREATING
    ),
    Route("GET", PATH, "List the features that you may see", list_page, ListV2, list[FeatureV2], beside=LISTED),
    Route("GET", ONE, "Get a feature", get, Nothing, FeatureV2),
    Route(
        "PUT", ONE, "Replace a feature", replace, Nothing, FeatureV2, ReplaceV2, 200, CHANGE, True, conflicts=CHANGING
    ),
    Route(
        "PATCH",
        ONE,
        "Change a feature",
        patch,
        Nothing,
        FeatureV2,
        PatchV2,
        200,
        CHANGE,
        True,
        MERGE,
        conflicts=CHANGING,
    ),
    Route("DELETE", ONE, "Delete a feature", delete, Nothing, None, None, 204, acts.DELETE.grants, demands=True),
    _act("activate", "Make a feature active", acts.ACTIVATE, LIMITED),
    _act("deactivate", "Make an active feature inactive", acts.DEACTIVATE, MOVED),
    _act("archive", "Make a feature archived", acts.ARCHIVE, MOVED),
    _act("restore", "Bring a deleted feature back", acts.RESTORE, CREATING),
    Route(
        "POST",
        f"{ONE}/revert",
        "Set a feature back to an earlier version",
        revert,
        Nothing,
        FeatureV2,
        RevertV2,
        200,
        rules.GRANTS["REVERT"],
        True,
        conflicts=CHANGING,
    ),
)
