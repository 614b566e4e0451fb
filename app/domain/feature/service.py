"""What the business does with features: batched reads, and writes that are one unit of work each."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.audit.model import AuditAction
from app.domain.feature import acts, inputs, rules
from app.domain.feature.events import Change, Origin, change, changed_fields, conflicts
from app.domain.feature.model import Feature, FeaturePageRequest, FeatureScope, FeatureSlice, FeatureSliceRequest
from app.domain.feature.ports import FeaturePage, Features
from app.kernel.actor import Actor, Grants, Reach
from app.kernel.clock import Clock, NewId
from app.kernel.errors import NotFound, StaleVersion
from app.kernel.ids import AuditEntryId, FeatureId, UserId
from app.kernel.json import EMPTY_OBJECT
from app.kernel.want import Want


class FeatureService:
    def __init__(
        self, actor: Actor, features: Features, request_id: str, now: Clock, new_id: NewId, active_limit: int
    ) -> None:
        self._actor, self._features, self._request_id = actor, features, request_id
        self._now, self._new_id, self._active_limit = now, new_id, active_limit

    async def get_many(self, ids: Sequence[FeatureId], want: Want = None) -> list[Feature | None]:
        """One per id, in order, None where missing, deleted or invisible."""
        self._actor.known()
        found = await self._features.fetch_by_ids(ids, want)
        return [self._visible(found.get(id)) for id in ids]

    async def get(self, id: FeatureId) -> Feature:
        """Raises NotFound where it is missing, deleted or invisible."""
        [feature] = await self.get_many([id])
        return _seen(feature)

    async def page(self, request: FeaturePageRequest) -> FeaturePage:
        return await self._features.fetch_page(request, self._actor.visible_to(rules.READ))

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

    def check_reach(self, grants: Grants) -> None:
        """Raises Unauthenticated or Forbidden where the actor may do this to no feature."""
        self._actor.known()
        if self._actor.reach(grants) is Reach.NONE:
            raise self._actor.refusal(grants, "You may not change features.")

    async def create(self, draft: inputs.FeatureDraft) -> Feature:
        """Active from the start. Raises InvalidInput, DuplicateName, LimitExceeded, Forbidden, or NotFound (owner)."""
        actor_id = self._actor.known()
        owner_id = actor_id if draft.owner_id is None else draft.owner_id
        if not self._actor.may(rules.CREATE, owner_id):
            raise self._actor.refusal(rules.CREATE, "You may not create features for this owner.")
        metadata = {} if draft.metadata is None else draft.metadata
        cleaned = inputs.clean(inputs.FeaturePatch(draft.name, draft.description, metadata))
        now = self._now()
        blank = Feature(
            id=FeatureId(self._new_id()),
            owner_id=owner_id,
            name="",
            description=None,
            status="ACTIVE",
            status_before_delete=None,
            metadata=EMPTY_OBJECT,
            category=None,
            tags=[],
            version=1,
            created_at=now,
            updated_at=now,
            deleted_at=None,
        )
        created = self._change(None, cleaned.applied_to(blank), "CREATE")
        return _found(await self._features.create(created, self._active_limit))

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
        for grants in act.needed:
            self.check_reach(grants)
        async with self._features.work() as work:
            found = await work.fetch_for_update(id)
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
        origin = Origin(self._actor.known(), self._request_id)
        return change(AuditEntryId(self._new_id()), before, after, action, origin)

    def _visible(self, feature: Feature | None, *, finds_deleted: bool = False) -> Feature | None:
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
