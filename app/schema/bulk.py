"""Input and payload of the mutation that makes many changes of features."""

from typing import Any

import strawberry

from app.domain.feature.bulk import MAX_ITEMS
from app.engine.declare import Describes
from app.kernel.value import value
from app.schema import mutation as m
from app.schema.errors import UserError
from app.schema.failure import Failure
from app.schema.words import ABSENT


@value
class BulkWritten:
    """What the mutation hands to its payload; `user_errors` are those of the results, or of the input as a whole."""

    results: list[m.Written]
    user_errors: list[Failure]
    client_mutation_id: str | None


bulk_written = Describes(BulkWritten)


def _item(mutation: str) -> Any:
    return strawberry.field(default=ABSENT, description=f"What `{mutation}` would do.")


@strawberry.input(
    one_of=True, description="One change of one feature, under the rules of the mutation that makes it alone."
)
class BulkFeatureItem:
    create: m.CreateFeatureInput | None = _item("createFeature")
    update: m.UpdateFeatureInput | None = _item("updateFeature")
    activate: m.ActivateFeatureInput | None = _item("activateFeature")
    deactivate: m.DeactivateFeatureInput | None = _item("deactivateFeature")
    archive: m.ArchiveFeatureInput | None = _item("archiveFeature")
    delete: m.DeleteFeatureInput | None = _item("deleteFeature")
    restore: m.RestoreFeatureInput | None = _item("restoreFeature")


@strawberry.input(description="Many changes, which are made in their order.")
class BulkUpdateFeaturesInput:
    items: list[BulkFeatureItem] = strawberry.field(description=f"1 to {MAX_ITEMS:,} of them.")
    atomic: bool | None = strawberry.field(
        default=ABSENT, description="All or none: the first that is refused undoes all. Absent: each by itself."
    )
    client_mutation_id: str | None = strawberry.field(default=ABSENT, description=m.ECHO)


@m.written.type
class BulkFeatureResult(m.FeaturePayload):
    """What became of one item."""


@bulk_written.type
class BulkUpdateFeaturesPayload:
    """What became of `bulkUpdateFeatures`."""

    results: list[BulkFeatureResult] = bulk_written.value("One for each item, in their order.")
    user_errors: list[UserError] = bulk_written.value(
        'All those of the results, with the item in the path: ["input", "items", "0", "create", "name"]. Empty where '
        "every item was done."
    )
    client_mutation_id: str | None = bulk_written.value("As it was sent.", weight=0)
