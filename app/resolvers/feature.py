"""Root fields about features: arguments -> service -> domain object or payload."""

from typing import Annotated, Any

import strawberry

from app.context import RequestContext
from app.domain.feature import acts, model
from app.domain.feature.inputs import ABSENT, FeatureDraft, FeaturePatch
from app.domain.feature.ports import FeaturePage
from app.engine.compiled import want_of
from app.kernel.ids import FeatureId, UserId, key_of
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
        owner_id = given(input.owner_id)
        draft = FeatureDraft(
            input.name,
            given(input.description),
            given(input.metadata),
            None if owner_id is None else UserId(key_of("User", owner_id, ("input", "ownerId"))),
        )
        return await written(info.context, m.Written, info.context.feature.create(draft), input.client_mutation_id)

    @mutation_field(m.UpdateFeaturePayload, "Changes a feature's name, description or metadata.")
    async def update_feature(self, info: Info, input: Annotated[m.UpdateFeatureInput, INPUT]) -> m.Written:
        return await written(info.context, m.Written, _update(info.context, input), input.client_mutation_id)

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


async def _update(context: RequestContext, input: m.UpdateFeatureInput) -> model.Feature:
    def patched(field: Any) -> Any:
        return ABSENT if field is strawberry.UNSET else field

    patch = FeaturePatch(patched(input.name), patched(input.description), patched(input.metadata))
    id = FeatureId(key_of("Feature", input.id, ("input", "id")))
    return await context.feature.update(id, patch, input.expected_version)


async def _done(context: RequestContext, act: acts.Act, input: m.ActInput) -> m.Written:
    id = FeatureId(key_of("Feature", input.id, ("input", "id")))
    change = context.feature.change(id, act, given(input.expected_version))
    return await written(context, m.Written, change, input.client_mutation_id)
