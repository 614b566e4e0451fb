"""/api/v2/features/bulk: up to 1,000 writes in one request, each under the rules of its own."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypedDict
from uuid import UUID

from pydantic import BaseModel, Discriminator, Field, PlainValidator, Tag, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.domain.feature import acts, bulk, rules
from app.domain.feature.inputs import FeatureDraft, FeaturePatch
from app.domain.feature.model import Feature
from app.http.problem import Problem, problem
from app.kernel.errors import DomainError
from app.kernel.ids import FeatureId, UserId
from app.rest.failure import failure_of
from app.rest.feature_body import STATUSES, CreateV2, PatchV2
from app.rest.feature_v2 import MAX_VERSION, PATH, Nothing
from app.rest.read import TAG
from app.rest.route import Answer, Call, Refuses, Route
from app.rest.row_v2 import FeatureV2, shape

type ActName = Literal["activate", "deactivate", "archive", "delete", "restore"]

ACTS: Mapping[ActName, acts.Act] = {
    "activate": acts.ACTIVATE,
    "deactivate": acts.DEACTIVATE,
    "archive": acts.ARCHIVE,
    "delete": acts.DELETE,
    "restore": acts.RESTORE,
}


def _version(if_match: object) -> int | None:
    """None where any will do."""
    if if_match == "*":
        return None
    if not isinstance(if_match, int) or isinstance(if_match, bool) or not 1 <= if_match <= MAX_VERSION:
        raise PydanticCustomError("version", "no version")
    return if_match


IfMatch = Annotated[
    int | None,
    PlainValidator(_version),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_VERSION}, {"const": "*"}],
            "description": "The version that you saw, or `*` for whatever it is.",
        }
    ),
]


class CreateItem(CreateV2):
    op: Literal["create"]


class UpdateItem(PatchV2):
    """Merged as PATCH does it."""

    op: Literal["update"]
    id: Annotated[UUID, Field(strict=False)]
    if_match: IfMatch


class ActItem(Refuses):
    op: ActName
    id: Annotated[UUID, Field(strict=False)]
    if_match: IfMatch


class UnknownItem(Refuses):
    """What is none of these: there is no such `op`."""

    op: Literal["create", "update", "activate", "deactivate", "archive", "delete", "restore"]


def _kind(item: Any) -> str:
    op = item.get("op") if isinstance(item, dict) else None
    if op in ("create", "update"):
        return f"{TAG}{op}"
    return f"{TAG}act" if isinstance(op, str) and op in ACTS else f"{TAG}unknown"


ItemV2 = Annotated[
    Annotated[CreateItem, Tag(f"{TAG}create")]
    | Annotated[UpdateItem, Tag(f"{TAG}update")]
    | Annotated[ActItem, Tag(f"{TAG}act")]
    | Annotated[SkipJsonSchema[UnknownItem], Tag(f"{TAG}unknown")],
    Discriminator(_kind),
]


class BulkV2(Refuses):
    items: Annotated[list[ItemV2], Field(min_length=1, max_length=bulk.MAX_ITEMS)]
    atomic: Annotated[bool, Field(strict=True, description="All or none.")] = False


class DoneV2(TypedDict):
    """What the call for this item alone would have answered."""

    status: int
    data: NotRequired[FeatureV2]
    problem: NotRequired[Problem]


class SummaryV2(TypedDict):
    """Counts of items."""

    succeeded: int
    failed: int


def _item(sent: BaseModel) -> bulk.Item:
    match sent:
        case CreateItem():
            owner_id = None if sent.owner_id is None else UserId(sent.owner_id)
            return bulk.Creation(FeatureDraft(sent.name, sent.description, sent.metadata, owner_id))
        case UpdateItem():
            status = None if sent.status is None else STATUSES[sent.status]
            return bulk.Update(FeatureId(sent.id), sent.patch(), sent.if_match, status)
        case ActItem():
            return bulk.Doing(FeatureId(sent.id), ACTS[sent.op], sent.if_match)
    raise TypeError(type(sent).__name__)


def _done(call: Call[Nothing, BulkV2], place: int, outcome: bulk.Outcome) -> DoneV2:
    if isinstance(outcome, Feature):
        op = call.body.items[place].op
        if op == "delete":
            return {"status": 204}
        return {"status": 201 if op == "create" else 200, "data": shape(outcome)}
    failure = failure_of(outcome, token_sent=True)
    instance = f"{PATH}/bulk#/items/{place}"
    told = problem(failure.code, failure.message, instance, call.context.request_id, failure.details)
    return {"status": failure.status, "problem": told}


async def change_many(call: Call[Nothing, BulkV2]) -> Answer:
    """207 where an item was refused: nobody takes it for done who looks at the status alone."""
    items = [_item(sent) for sent in call.body.items]
    outcomes = await call.context.feature.change_many(items, atomic=call.body.atomic)
    call.context.security_event.denied_among(outcomes)
    done = [_done(call, place, outcome) for place, outcome in enumerate(outcomes)]
    failed = sum(isinstance(outcome, DomainError) for outcome in outcomes)
    summary: SummaryV2 = {"succeeded": len(done) - failed, "failed": failed}
    return Answer(207 if failed else 200, done, {"summary": summary}, done=failed < len(done))


ROUTES = (
    Route(
        "POST",
        f"{PATH}/bulk",
        "Change many features, all or none of them if you like",
        change_many,
        Nothing,
        list[DoneV2],
        BulkV2,
        200,
        rules.CREATE,
        or_grants=(acts.update(FeaturePatch()).grants, *(act.grants for act in ACTS.values())),
        beside={"summary": SummaryV2},
        partly=True,
    ),
)
