"""How audit entries are asked for: the arguments of every connection of entries, and the domain's request they make."""

import enum
from typing import Annotated

import strawberry

from app.domain.audit import model
from app.kernel.ids import UserId, key_of
from app.schema.connection import After, Before, DateTimeRange, First, Last, range_of, window_of
from app.schema.words import ABSENT, given, given_tuple


@strawberry.enum(description="What was done to a feature.")
class AuditAction(enum.Enum):
    CREATE = strawberry.enum_value("CREATE", description="It was created.")
    UPDATE = strawberry.enum_value("UPDATE", description="Its name, description or metadata changed.")
    ACTIVATE = strawberry.enum_value("ACTIVATE", description="It became ACTIVE.")
    DEACTIVATE = strawberry.enum_value("DEACTIVATE", description="It became INACTIVE.")
    ARCHIVE = strawberry.enum_value("ARCHIVE", description="It became ARCHIVED.")
    DELETE = strawberry.enum_value("DELETE", description="It became DELETED.")
    RESTORE = strawberry.enum_value("RESTORE", description="It was brought back to what it was before it was deleted.")
    REVERT = strawberry.enum_value("REVERT", description="It was set back to an earlier version.")


@strawberry.input(description="Which entries; every condition that is given must hold.")
class AuditFilter:
    action: list[AuditAction] | None = strawberry.field(default=ABSENT, description="One of these.")
    actor_id: strawberry.ID | None = strawberry.field(default=ABSENT, description="Done by the user of this id.")
    created_at: DateTimeRange | None = strawberry.field(default=ABSENT, description="Done in this span.")


FilterArgument = Annotated[AuditFilter | None, strawberry.argument(description="Which of them.")]


def entry_page_request(
    first: First = ABSENT,
    after: After = ABSENT,
    last: Last = ABSENT,
    before: Before = ABSENT,
    filter: FilterArgument = ABSENT,
) -> model.AuditPageRequest:
    """Raises BadUserInput at the argument that is wrong."""
    window = window_of(first, after, last, before, model.ORDER, temporal=True)
    return model.AuditPageRequest(window, _filter(given(filter)))


def _filter(wanted: AuditFilter | None) -> model.AuditFilter:
    if wanted is None:
        return model.AuditFilter()
    actions, actor_id = given_tuple(wanted.action), given(wanted.actor_id)
    return model.AuditFilter(
        action=None if actions is None else tuple(action.name for action in actions),
        actor_id=None if actor_id is None else UserId(key_of("User", actor_id, ("filter", "actorId"))),
        created_at=range_of(wanted.created_at, "createdAt"),
    )
