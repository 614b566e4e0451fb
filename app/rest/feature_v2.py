"""/api/v2/features: pages by cursor, merge patch, acts, and a version demanded for every change of what exists."""

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field

from app.domain.feature import acts, rules
from app.domain.feature.inputs import FeatureDraft
from app.domain.feature.model import Feature, FeatureFilter, FeaturePageRequest
from app.kernel.ids import UserId
from app.rest.conditions import expected_version
from app.rest.feature_body import STATUSES, CreateV2, PatchV2, ReplaceV2
from app.rest.feature_list import ORDERS, Labels, Search, Sort
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
from app.rest.row_v2 import ALONE, OF_PAGE, FeatureV2, alone, of_page

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

    @cached_property
    def request(self) -> FeaturePageRequest:
        """Made once, as queries are remembered (`read_query`). Raises BadUserInput."""
        order, wanted = ORDERS[self.sort], self.filter()
        return FeaturePageRequest(self.window(order.name, temporal=order.temporal), wanted, order, OF_PAGE)


def whole(found: object) -> object:
    """JSON has one kind of numbers: 4.0 is the integer 4 (JSON Schema, "integer")."""
    return int(found) if isinstance(found, float) and found.is_integer() else found


class RevertV2(Refuses):
    model_config = ConfigDict(strict=True)

    version: Annotated[
        int, Field(ge=1, le=MAX_VERSION, description="The version to set it back to."), BeforeValidator(whole)
    ]


def answered(feature: Feature) -> Answer:
    data, tag = alone(feature)
    return Answer(200, data, tag=tag)


async def create(call: Call[Nothing, CreateV2]) -> Answer:
    body = call.body
    owner_id = None if body.owner_id is None else UserId(body.owner_id)
    draft = FeatureDraft(body.name, body.description, body.metadata, owner_id)
    feature = await call.context.feature.create(draft, ALONE)
    data, tag = alone(feature)
    return Answer(201, data, tag=tag, headers=[(b"location", f"{PATH}/{feature.id}".encode())])


async def list_page(call: Call[ListV2, None]) -> Answer:
    request = call.query.request
    page = await call.context.feature.page(request)
    info = page_info(page)
    neighbours = links(info, request.window, PATH, call.query_string)
    rows = [of_page(feature) for feature in page.nodes]
    return Answer(200, rows, {"page_info": info}, tagged=True, headers=neighbours)


async def get(call: Call[Nothing, None]) -> Answer:
    return answered(await call.context.feature.get(call.id, ALONE))


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
