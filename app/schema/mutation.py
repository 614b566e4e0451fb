"""Inputs and payloads of the mutations on features (Relay: one input, one payload, each with clientMutationId)."""

import strawberry
from strawberry.scalars import JSON

from app.domain.feature import model
from app.engine.declare import Describes
from app.kernel.value import value
from app.schema.errors import UserError
from app.schema.failure import Failure
from app.schema.feature import Feature
from app.schema.words import ABSENT

ECHO = "Comes back in the payload as it is."


@value
class Written:
    """What a mutation hands to its payload: the feature, or why there is none."""

    feature: model.Feature | None
    user_errors: list[Failure]
    client_mutation_id: str | None


written = Describes(Written)


@strawberry.input(description="A feature to create; it is active from the start.")
class CreateFeatureInput:
    name: str = strawberry.field(
        description="1 to 255 characters; spaces around it are dropped. Unique among the owner's features."
    )
    description: str | None = strawberry.field(default=ABSENT, description="At most 2,000 characters.")
    metadata: JSON | None = strawberry.field(
        default=ABSENT,
        description="A JSON object of at most 16 KiB and 8 levels, its numbers of at most 64 bits. `category` in it is "
        "a string, `tags` are strings, of at most 255 characters each.",
    )
    owner_id: strawberry.ID | None = strawberry.field(
        default=ABSENT, description="Whose it shall be; absent: yours. Others' only for administrators."
    )
    client_mutation_id: str | None = strawberry.field(default=ABSENT, description=ECHO)


@strawberry.input(description="A change of a feature; a field that is absent stays as it is.")
class UpdateFeatureInput:
    id: strawberry.ID = strawberry.field(description="Which feature.")
    expected_version: int = strawberry.field(
        description="The `version` that you saw: nothing is written where it is not the current one."
    )
    name: str | None = strawberry.field(default=ABSENT, description="A new name; must not be null.")
    description: str | None = strawberry.field(default=ABSENT, description="A new description; null: none.")
    metadata: JSON | None = strawberry.field(
        default=ABSENT, description="A new object, in place of the old one as a whole; must not be null."
    )
    client_mutation_id: str | None = strawberry.field(default=ABSENT, description=ECHO)


@strawberry.input
class ActInput:
    """What the inputs of acts have in common; it is no type of the schema itself."""

    id: strawberry.ID = strawberry.field(description="Which feature.")
    expected_version: int | None = strawberry.field(
        default=ABSENT, description="The `version` that you saw; absent: whatever the current one is."
    )
    client_mutation_id: str | None = strawberry.field(default=ABSENT, description=ECHO)


@strawberry.input(description="A feature to activate.")
class ActivateFeatureInput(ActInput):
    pass


@strawberry.input(description="A feature to deactivate.")
class DeactivateFeatureInput(ActInput):
    pass


@strawberry.input(description="A feature to archive.")
class ArchiveFeatureInput(ActInput):
    pass


@strawberry.input(description="A feature to delete; it can be restored.")
class DeleteFeatureInput(ActInput):
    pass


@strawberry.input(description="A feature to restore to what it was before it was deleted.")
class RestoreFeatureInput(ActInput):
    pass


@strawberry.type
class FeaturePayload:
    """What all payloads have in common; it is no type of the schema itself."""

    feature: Feature | None = written.value("The feature afterwards; null where `userErrors` says why not.")
    user_errors: list[UserError] = written.value("Empty where it worked.")
    client_mutation_id: str | None = written.value("As it was sent.")


@written.type
class CreateFeaturePayload(FeaturePayload):
    """What became of `createFeature`."""


@written.type
class UpdateFeaturePayload(FeaturePayload):
    """What became of `updateFeature`."""


@written.type
class ActivateFeaturePayload(FeaturePayload):
    """What became of `activateFeature`."""


@written.type
class DeactivateFeaturePayload(FeaturePayload):
    """What became of `deactivateFeature`."""


@written.type
class ArchiveFeaturePayload(FeaturePayload):
    """What became of `archiveFeature`."""


@written.type
class DeleteFeaturePayload(FeaturePayload):
    """What became of `deleteFeature`."""


@written.type
class RestoreFeaturePayload(FeaturePayload):
    """What became of `restoreFeature`."""
