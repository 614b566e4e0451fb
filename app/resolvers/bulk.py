"""The mutation that makes many changes of features: each item -> the service's, each outcome -> a result."""

from collections.abc import Mapping
from typing import Annotated

import strawberry

from app.context import RequestContext
from app.domain.feature import acts, bulk, rules
from app.domain.feature.model import Feature
from app.engine.cost import WRITE_OF_MANY, Cost, ListSize
from app.kernel.errors import Path
from app.resolvers.feature_input import draft_of, key_at, patch_of
from app.resolvers.written import INPUT, written
from app.schema import bulk as b
from app.schema import mutation as m
from app.schema.failure import Failure, failures_of_item
from app.schema.words import DONE, Info, given, mutation_field

ACTS: Mapping[str, acts.Act] = {
    "activate": acts.ACTIVATE,
    "deactivate": acts.DEACTIVATE,
    "archive": acts.ARCHIVE,
    "delete": acts.DELETE,
    "restore": acts.RESTORE,
}
NEEDED = (rules.CREATE, rules.GRANTS["UPDATE"], *(act.grants for act in ACTS.values()))  # one of these, at least
COSTS = (
    Cost(weight=WRITE_OF_MANY),
    ListSize(
        slicing_arguments=["input.items"], sized_fields=["results", "userErrors"], require_one_slicing_argument=False
    ),
)

type Named = tuple[str, m.CreateFeatureInput | m.UpdateFeatureInput | m.ActInput]


@strawberry.type
class BulkMutation:
    @mutation_field(
        b.BulkUpdateFeaturesPayload,
        "Makes up to 1,000 changes of features, all or none of them if you like. Each item costs its points.",
        COSTS,
    )
    async def bulk_update_features(
        self, info: Info, input: Annotated[b.BulkUpdateFeaturesInput, INPUT]
    ) -> b.BulkWritten:
        payload = await written(info.context, _payload, _changed(info.context, input), input.client_mutation_id)
        if any(result.feature is not None for result in payload.results):
            info.context.memo[DONE] = True  # though others were refused
        return payload


def _payload(results: list[m.Written] | None, refused: list[Failure], client_mutation_id: str | None) -> b.BulkWritten:
    results = results or []
    of_items = (error for result in results for error in result.user_errors)
    return b.BulkWritten(results, [*refused, *of_items], client_mutation_id)


async def _changed(context: RequestContext, input: b.BulkUpdateFeaturesInput) -> list[m.Written]:
    context.feature.check_reach(*NEEDED)
    bulk.check_count(len(input.items))
    named = [_named(item) for item in input.items]
    places = [("items", str(number), name) for number, (name, _) in enumerate(named)]
    items = [_item(name, sent, place) for (name, sent), place in zip(named, places, strict=True)]
    outcomes = await context.feature.change_many(items, atomic=bool(given(input.atomic)))
    context.security_event.denied_among(outcomes)
    return [_result(sent, outcome, place) for (_, sent), outcome, place in zip(named, outcomes, places, strict=True)]


def _named(item: b.BulkFeatureItem) -> Named:
    """The one field that is given: a one-of input has exactly one, and it is not null."""
    return next((name, sent) for name, sent in vars(item).items() if sent is not strawberry.UNSET)


def _item(name: str, sent: m.CreateFeatureInput | m.UpdateFeatureInput | m.ActInput, place: Path) -> bulk.Item:
    """Raises BadUserInput."""
    at = ("input", *place)
    if isinstance(sent, m.CreateFeatureInput):
        return bulk.Creation(draft_of(sent, at))
    id = key_at(sent.id, at)
    if isinstance(sent, m.UpdateFeatureInput):
        return bulk.Update(id, patch_of(sent), sent.expected_version)
    return bulk.Doing(id, ACTS[name], given(sent.expected_version))


def _result(
    sent: m.CreateFeatureInput | m.UpdateFeatureInput | m.ActInput, outcome: bulk.Outcome, place: Path
) -> m.Written:
    echo = given(sent.client_mutation_id)
    if isinstance(outcome, Feature):
        return m.Written(outcome, [], echo)
    return m.Written(None, failures_of_item(outcome, place), echo)
