"""/api/v1/features: the legacy contract, frozen; its bytes are in tests/golden/v1."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal, TypedDict

from pydantic import Field

from app.domain.feature import rules
from app.domain.feature.acts import DELETE
from app.domain.feature.inputs import FeatureDraft
from app.domain.feature.model import Feature, FeatureFilter, FeatureSliceRequest
from app.kernel.page import DEFAULT_PAGE, MAX_OFFSET, MAX_PAGE
from app.rest.conditions import expected_version, tag_of
from app.rest.feature_body import STATUSES, CreateV1, ReplaceV1
from app.rest.feature_list import ORDERS, Label, Search, Sort
from app.rest.fields import AnyStatus, Id, Instant
from app.rest.read import Number
from app.rest.render import milliseconds
from app.rest.route import CHANGING, CREATING, Answer, Call, Ignores, Route

PATH = "/api/v1/features"
ONE = f"{PATH}/{{id}}"


class Nothing(Ignores):
    """No parameters."""


class ListV1(Ignores):
    limit: Annotated[Number, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    offset: Annotated[Number, Field(ge=0, le=MAX_OFFSET)] = 0
    status: Literal["active", "inactive", "archived", "deleted"] = "active"
    sort: Sort = "created_at:desc"
    category: Label | None = None
    tag: Label | None = None
    q: Search = None

    @cached_property
    def request(self) -> FeatureSliceRequest:
        """Made once, as queries are remembered (`read_query`). Raises BadUserInput."""
        wanted = FeatureFilter(
            search=rules.clean_search(self.q, ("q",)),
            status=(self.status.upper(),),
            category=rules.clean_labels(_one(self.category), ("category",)),
            tags=rules.clean_labels(_one(self.tag), ("tag",)),
        )
        return FeatureSliceRequest(self.limit, self.offset, wanted, ORDERS[self.sort])


class FeatureV1(TypedDict):
    id: Id
    name: str
    description: str | None
    status: AnyStatus
    metadata: Mapping[str, object]
    created_at: Instant
    updated_at: Instant


class Pagination(TypedDict):
    limit: int
    offset: int
    total: int
    has_more: bool


def shape(feature: Feature) -> FeatureV1:
    return {
        "id": str(feature.id),
        "name": feature.name,
        "description": feature.description,
        "status": feature.status.lower(),
        "metadata": feature.metadata.parse_object(),
        "created_at": milliseconds(feature.created_at),
        "updated_at": milliseconds(feature.updated_at),
    }


async def create(call: Call[Nothing, CreateV1]) -> Answer:
    body = call.body
    feature = await call.context.feature.create(FeatureDraft(body.name, body.description, body.metadata))
    location = (b"location", f"{PATH}/{feature.id}".encode())
    return Answer(201, shape(feature), tag=tag_of(feature.version), headers=[location])


async def list_own(call: Call[ListV1, None]) -> Answer:
    query = call.query
    found = await call.context.feature.own_slice(query.request)
    pagination: Pagination = {
        "limit": query.limit,
        "offset": query.offset,
        "total": found.total,
        "has_more": query.offset + len(found.nodes) < found.total,
    }
    return Answer(200, [shape(feature) for feature in found.nodes], {"pagination": pagination})


async def get(call: Call[Nothing, None]) -> Answer:
    feature = await call.context.feature.get(call.id)
    return Answer(200, shape(feature), tag=tag_of(feature.version))


async def replace(call: Call[Nothing, ReplaceV1]) -> Answer:
    body = call.body
    status = None if body.status is None else STATUSES[body.status]
    feature = await call.context.feature.update(call.id, body.patch(), expected_version(call.headers), status)
    return Answer(200, shape(feature), tag=tag_of(feature.version))


async def delete(call: Call[Nothing, None]) -> Answer:
    await call.context.feature.change(call.id, DELETE, expected_version(call.headers))
    return Answer(204)


def _one(label: str | None) -> tuple[str] | None:
    return None if label is None else (label,)


CHANGE = rules.GRANTS["UPDATE"]
LISTED = {"pagination": Pagination}
ROUTES = (
    Route(
        "POST", PATH, "Create a feature", create, Nothing, FeatureV1, CreateV1, 201, rules.CREATE, conflicts=CREATING
    ),
    Route("GET", PATH, "List your own features", list_own, ListV1, list[FeatureV1], beside=LISTED),
    Route("GET", ONE, "Get a feature", get, Nothing, FeatureV1),
    Route("PUT", ONE, "Replace a feature", replace, Nothing, FeatureV1, ReplaceV1, 200, CHANGE, conflicts=CHANGING),
    Route("DELETE", ONE, "Delete a feature", delete, Nothing, None, None, 204, rules.GRANTS["DELETE"]),
)
