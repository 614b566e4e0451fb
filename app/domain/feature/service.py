"""What the business does with features: batched reads, and writes that are one unit of work each."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

from app.domain.audit.model import AuditAction
from app.domain.feature import acts, bulk, export, inputs, rules
from app.domain.feature.events import Change, Origin, change, changed_fields, conflicts
from app.domain.feature.model import (
    Feature,
    FeatureFilter,
    FeaturePageRequest,
    FeatureScope,
    FeatureSlice,
    FeatureSliceRequest,
)
from app.domain.feature.ports import FeaturePage, Features, FeatureWork
from app.kernel.actor import Actor, Grants, Reach
from app.kernel.clock import Clock, NewId
from app.kernel.errors import InvalidInput, NotFound, Problem, StaleVersion
from app.kernel.ids import AuditEntryId, FeatureId, UserId
from app.kernel.want import Excerpt, Want


class FeatureService:
    def __init__(
        self, actor: Actor, features: Features, request_id: str, now: Clock, new_id: NewId, active_limit: int
    ) -> None:
        self._actor, self._features, self._request_id = actor, features, request_id
        self._now, self._new_id, self._active_limit = now, new_id, active_limit

    async def get_many(self, ids: Sequence[FeatureId], want: Want = None) -> list[Feature | None]:
        """One per id, in order, None where missing, deleted or invisible."""
        self._actor.known()
        found = await self._features.fetch_by_ids(ids, want, self._actor.visible_to(rules.READ))
        return [self._visible(found.get(id)) for id in ids]

    async def get(self, id: FeatureId, want: Want = None) -> Feature:
        """It may come as an excerpt. Raises NotFound where it is missing, deleted or invisible."""
        [feature] = await self.get_many([id], want)
        return _seen(feature)

    async def page(self, request: FeaturePageRequest) -> FeaturePage:
        return await self._features.fetch_page(request, self._actor.visible_to(rules.READ))

    def export(self, wanted: FeatureFilter) -> AsyncIterator[Sequence[Feature]]:
        """`export.pages` of what the actor may see, from now on. Raises Unauthenticated at once."""
        return export.pages(self._features, wanted, self._actor.visible_to(rules.READ), self._now())

    async def own_slice(self, request: FeatureSliceRequest) -> FeatureSlice:
        """The actor's own features, whoever else's they see."""
        own = replace(request, filter=replace(request.filter, owner_id=self._actor.known()))
        return await self._features.fetch_slice(own, self._actor.visible_to(rules.READ))

    async def pages_of_owners(self, ids: Sequence[UserId], request: FeaturePageRequest) -> list[FeaturePage]:
        """One page per owner, in order; empty where the owner is missing or the features are invisible."""
        found = await self._features.fetch_pages_of_owners(ids, request, self._actor.visible_to(rules.READ))
        return [found[id] for id in ids]

    async def count_many(self, scopes: Sequence[FeatureScope]) -> list[int]:
        """One count per scope, in order. Scopes come with pages, so they carry the reach already."""
        found = await self._features.fetch_counts(scopes)
        return [found[scope] for scope in scopes]

    def permissions(self, feature: Feature) -> list[rules.Permission]:
        return rules.permissions(self._actor, feature.owner_id)

    def check_reach(self, *grants: Grants) -> None:
        """Raises Unauthenticated or Forbidden where the actor may do none of this to any feature."""
        self._actor.entered()
        if all(self._actor.reach(each) is Reach.NONE for each in grants):
            raise self._actor.refusal(grants[0], "You may not change features.")

    async def create(self, draft: inputs.FeatureDraft, want: Want = None) -> Feature:
        """Active from the start; it may come as an excerpt. Raises InvalidInput, DuplicateName, LimitExceeded,
        Forbidden, or NotFound (owner)."""
        return _found(await self._features.create(self._creation(draft), self._active_limit, want))

    def _creation(self, draft: inputs.FeatureDraft) -> Change:
        own = self._actor.entered()
        owner_id = own if draft.owner_id is None else draft.owner_id
        if owner_id is None:
            raise InvalidInput([Problem(("ownerId",), "REQUIRED", "`owner_id` is required: nobody is asking for it.")])
        if not self._actor.may(rules.CREATE, owner_id):
            raise self._actor.refusal(rules.CREATE, "You may not create features for this owner.")
        name, description, metadata = inputs.clean_draft(draft)
        now = self._now()
        feature = Feature(
            id=FeatureId(self._new_id()),
            owner_id=owner_id,
            name=name,
            description=description,
            status="ACTIVE",
            status_before_delete=None,
            metadata=metadata,
            category=None,
            tags=[],
            version=1,
            created_at=now,
            updated_at=now,
            deleted_at=None,
        )
        return self._change(None, feature, "CREATE")

    async def update(
        self,
        id: FeatureId,
        patch: inputs.FeaturePatch,
        expected_version: int | None,
        status: acts.Settable | None = None,
    ) -> Feature:
        """`change` by what the patch says, and to the status, if any. Raises InvalidInput, too, to those who may change
        features at all."""
        self.check_reach(rules.GRANTS["UPDATE"])
        return await self.change(id, acts.update(patch, status), expected_version)

    async def change(self, id: FeatureId, act: acts.Act, expected_version: int | None) -> Feature:
        """The feature afterwards; where the act changes nothing, the feature as it is, with no version and no entry.

        Without an expected version it is unconditional. Raises NotFound, Forbidden, StaleVersion, InvalidTransition,
        and where it takes a name or becomes active, DuplicateName or LimitExceeded.
        """
        self._check_reach_of(act)
        async with self._features.work() as work:
            return await self._apply(work, await work.fetch_for_update(id), act, expected_version)

    async def revert(self, id: FeatureId, version: int, expected_version: int | None) -> Feature:
        """`change` back to what the feature was at that version. Raises NotFound where it never had it."""
        self._check_reach_of(acts.revert(None))
        async with self._features.work() as work:
            feature = await work.fetch_for_update(id)
            was = None if self._visible(feature) is None else await work.fetch_values_at(id, version)
            return await self._apply(work, feature, acts.revert(was), expected_version)

    async def change_many(self, items: Sequence[bulk.Item], *, atomic: bool) -> list[bulk.Outcome]:
        """One outcome per item, in order: what `create`, `update` or `change` would give, or raise.

        Item by item, each a unit of work of its own, or with `atomic` all in one: then the first that is refused undoes
        all, and the others' outcome is Undone. Raises Unauthenticated; with `atomic` Unavailable too, and nothing is
        done, and where all is joined in a transaction of the caller's, which can then not be committed. Otherwise that
        is the outcome of the item, and of those behind it, which are not tried.
        """
        self._actor.entered()
        until = self._now() + bulk.PATIENCE
        visible_to = self._actor.visible_to(rules.READ)
        if not atomic:
            with self._features.in_parts() as joined:
                if joined:
                    await bulk.lock_all(items, self._step, self._features, visible_to)
                return await bulk.one_by_one(items, self._do, self._now, until)
        return await bulk.all_or_none(items, self._step, self._write, self._features, visible_to, self._now, until)

    def check(self, item: bulk.Item) -> None:
        """Raises Unauthenticated, Forbidden or InvalidInput, where that can be told before anything is read."""
        self._step(item)

    async def _do(self, item: bulk.Item) -> Feature:
        step = self._step(item)
        if isinstance(step, Change):
            return _found(await self._features.create(step, self._active_limit, None))
        return await self.change(step.id, step.act, step.expected_version)

    async def _write(self, work: FeatureWork, step: bulk.Step, found: Mapping[FeatureId, Feature]) -> Feature:
        if isinstance(step, Change):
            return _found(await work.write(step, self._active_limit))
        feature = found.get(step.id) or await work.fetch_for_update(step.id)  # whoever is not shown it is told of
        return await self._apply(work, feature, step.act, step.expected_version)

    def _step(self, item: bulk.Item) -> bulk.Step:
        """What can be told before anything is read. Raises Forbidden and InvalidInput."""
        if isinstance(item, bulk.Creation):
            return self._creation(item.draft)
        if isinstance(item, bulk.Update):
            self.check_reach(rules.GRANTS["UPDATE"])
            item = bulk.Doing(item.id, acts.update(item.patch, item.status), item.expected_version)
        self._check_reach_of(item.act)
        return item

    def _check_reach_of(self, act: acts.Act) -> None:
        for grants in act.needed:
            self.check_reach(grants)

    async def _apply(
        self, work: FeatureWork, found: Feature | None, act: acts.Act, expected_version: int | None
    ) -> Feature:
        """The act on a feature that the work has locked."""
        feature = self._visible(found, finds_deleted=act.finds_deleted)
        if feature is None:
            denied = act.grants.scope if found and not self._actor.may(rules.READ, found.owner_id) else None
            raise _unseen(denied)
        for grants in act.needed:
            if not self._actor.may(grants, feature.owner_id):
                raise self._actor.refusal(grants, "You may not change this feature.")
        outcome = act.outcome(feature, self._now())
        if expected_version is not None and expected_version != feature.version:
            raise StaleVersion(expected_version, feature.version, feature, conflicts(feature, outcome))
        act.check(feature)
        changed = changed_fields(feature, outcome)
        if not changed:
            return feature
        outcome = replace(outcome, version=feature.version + 1, updated_at=self._now())
        return _found(await work.write(self._change(feature, outcome, act.action_on(changed)), self._active_limit))

    def _change(self, before: Feature | None, after: Feature, action: AuditAction) -> Change:
        origin = Origin(self._actor.entered(), self._request_id)
        return change(AuditEntryId(self._new_id()), before, after, action, origin)

    def _visible(self, feature: Feature | None, *, finds_deleted: bool = False) -> Feature | None:
        if isinstance(feature, Excerpt):  # only what is visible was written
            return feature
        if feature is None or (feature.status == "DELETED" and not finds_deleted):
            return None
        return feature if self._actor.may(rules.READ, feature.owner_id) else None


def _seen(feature: Feature | None) -> Feature:
    if feature is None:
        raise _unseen()
    return feature


def _unseen(denied: str | None = None) -> NotFound:
    return NotFound("There is no such feature, or you may not see it.", ("id",), denied)


def _found(written: Feature | None) -> Feature:
    """Raises NotFound where nothing was written for want of an owner."""
    if written is None:
        raise NotFound("There is no such owner.", ("ownerId",))
    return written
