"""Root fields about features: arguments -> service -> domain object or payload."""

from typing import Annotated

import strawberry

from app.context import RequestContext
from app.domain.feature import acts, model
from app.domain.feature.ports import FeaturePage
from app.engine.compiled import want_of
from app.kernel.ids import FeatureId, key_of
from app.resolvers.feature_input import draft_of, key_at, patch_of
from app.resolvers.written import INPUT, written
from app.schema import mutation as m
from app.schema.connection import After, Before, First, Last
from app.schema.feature import Feature, FeatureConnection
from app.schema.feature_request import FilterArgument, OrderArgument, feature_page_request
from app.schema.words import ABSENT as LEFT_OUT
from app.schema.words import Info, argument, given, mutation_field, root_field


@strawberry.type
class FeatureQuery:
    @root_field(Feature | None, "The feature of this id; null where there is none, or you may not see it.")
    async def feature(
        self, info: Info, id: Annotated[strawberry.ID, argument("A feature's `id`.")]
    ) -> model.Feature | None:
        key = FeatureId(key_of("Feature", id, ("id",)))
        return (await info.context.feature.get_many([key], want_of(info)))[0]

    @root_field(FeatureConnection, "The features that you may see.")
    async def features(
        self,
        info: Info,
        first: First = LEFT_OUT,
        after: After = LEFT_OUT,
        last: Last = LEFT_OUT,
        before: Before = LEFT_OUT,
        filter: FilterArgument = LEFT_OUT,
        order_by: OrderArgument = LEFT_OUT,
    ) -> FeaturePage:
        request = feature_page_request(first, after, last, before, filter, order_by)
        return await info.context.feature.page(request.wanting(want_of(info)))


@strawberry.type
class FeatureMutation:
    @mutation_field(m.CreateFeaturePayload, "Creates a feature.")
    async def create_feature(self, info: Info, input: Annotated[m.CreateFeatureInput, INPUT]) -> m.Written:
        write = info.context.feature.create(draft_of(input), want_of(info))
        return await written(info.context, m.Written, write, input.client_mutation_id)

    @mutation_field(m.UpdateFeaturePayload, "Changes a feature's name, description or metadata.")
    async def update_feature(self, info: Info, input: Annotated[m.UpdateFeatureInput, INPUT]) -> m.Written:
        write = info.context.feature.update(key_at(input.id), patch_of(input), input.expected_version)
        return await written(info.context, m.Written, write, input.client_mutation_id)

    @mutation_field(m.ActivateFeaturePayload, "Makes a feature ACTIVE.")
    async def activate_feature(self, info: Info, input: Annotated[m.ActivateFeatureInput, INPUT]) -> m.Written:
        return await _done(info.context, acts.ACTIVATE, input)

    @mutation_field(m.DeactivateFeaturePayload, "Makes an active feature INACTIVE.")
    async def deactivate_feature(self, info: Info, input: Annotated[m.DeactivateFeatureInput, INPUT]) -> m.Written:
        return await _done(info.context, acts.DEACTIVATE, input)

    @mutation_field(m.ArchiveFeaturePayload, "Makes a feature ARCHIVED.")
    async def archive_feature(self, info: Info, input: Annotated[m.ArchiveFeatureInput, INPUT]) -> m.Written:
        return await _done(info.context, acts.ARCHIVE, input)

    @mutation_field(m.DeleteFeaturePayload, "Makes a feature DELETED; it can be restored.")
    async def delete_feature(self, info: Info, input: Annotated[m.DeleteFeatureInput, INPUT]) -> m.Written:
        return await _done(info.context, acts.DELETE, input)

    @mutation_field(m.RestoreFeaturePayload, "Brings a deleted feature back to what it was.")
    async def restore_feature(self, info: Info, input: Annotated[m.RestoreFeatureInput, INPUT]) -> m.Written:
        return await _done(info.context, acts.RESTORE, input)


async def _done(context: RequestContext, act: acts.Act, input: m.ActInput) -> m.Written:
    change = context.feature.change(key_at(input.id), act, given(input.expected_version))
    return await written(context, m.Written, change, input.client_mutation_id)
