"""How features are asked for: the arguments of every connection of features, and the domain's request they make."""

import enum
from typing import Annotated, cast

import strawberry

from app.domain.feature import model, rules
from app.kernel.ids import UserId, key_of
from app.schema.connection import After, Before, DateTimeRange, First, Last, range_of, window_of
from app.schema.words import ABSENT, given, given_tuple


@strawberry.enum(description="Where a feature stands.")
class FeatureStatus(enum.Enum):
    ACTIVE = strawberry.enum_value("ACTIVE", description="In use; an owner has at most 100 of these.")
    INACTIVE = strawberry.enum_value("INACTIVE", description="Switched off; can be activated again.")
    ARCHIVED = strawberry.enum_value("ARCHIVED", description="Put away; can be activated again.")
    DELETED = strawberry.enum_value("DELETED", description="Gone, until it is restored to what it was.")


@strawberry.enum(description="What features are ordered by; ties are broken by id.")
class FeatureOrderField(enum.Enum):
    CREATED_AT = strawberry.enum_value("CREATED_AT", description="When it was created.")
    UPDATED_AT = strawberry.enum_value("UPDATED_AT", description="When it was last changed.")
    NAME = strawberry.enum_value("NAME", description="Its name, by Unicode code points: capitals come first.")
    STATUS = strawberry.enum_value("STATUS", description="Its status, by the status's name.")


@strawberry.enum(description="Which way an order runs.")
class OrderDirection(enum.Enum):
    ASC = strawberry.enum_value("ASC", description="Smallest or oldest first.")
    DESC = strawberry.enum_value("DESC", description="Largest or newest first.")


@strawberry.input(description="Which features; every condition that is given must hold.")
class FeatureFilter:
    search: str | None = strawberry.field(
        default=ABSENT,
        description='Words in the name, the tags or the description, as in a web search: css grid, "css grid", css '
        "-grid, css or html. At most 500 characters.",
    )
    status: list[FeatureStatus] | None = strawberry.field(
        default=ABSENT, description="One of these. Absent: any but DELETED."
    )
    category: list[str] | None = strawberry.field(default=ABSENT, description="One of these; at most 100.")
    tags: list[str] | None = strawberry.field(default=ABSENT, description="At least one of these; at most 100.")
    owner_id: strawberry.ID | None = strawberry.field(default=ABSENT, description="Owned by the user of this id.")
    created_at: DateTimeRange | None = strawberry.field(default=ABSENT, description="Created in this span.")
    updated_at: DateTimeRange | None = strawberry.field(default=ABSENT, description="Last changed in this span.")
    include_deleted: bool | None = strawberry.field(
        default=ABSENT, description="Deleted ones too, where `status` does not say."
    )


@strawberry.input(description="In which order.")
class FeatureOrder:
    field: FeatureOrderField = strawberry.field(description="What to order by.")
    direction: OrderDirection = strawberry.field(description="Which way.")


FilterArgument = Annotated[FeatureFilter | None, strawberry.argument(description="Which of them.")]
OrderArgument = Annotated[FeatureOrder | None, strawberry.argument(description="Absent: newest first.")]


def feature_page_request(
    first: First = ABSENT,
    after: After = ABSENT,
    last: Last = ABSENT,
    before: Before = ABSENT,
    filter: FilterArgument = ABSENT,
    order_by: OrderArgument = ABSENT,
) -> model.FeaturePageRequest:
    """Raises BadUserInput at the argument that is wrong."""
    asked = given(order_by)
    order = model.FeatureOrder()
    if asked is not None:
        order = model.FeatureOrder(
            cast(model.FeatureOrderField, asked.field.name), cast(model.Direction, asked.direction.name)
        )
    window = window_of(first, after, last, before, order.name, order.temporal)
    return model.FeaturePageRequest(window, _filter(given(filter)), order)


def _filter(wanted: FeatureFilter | None) -> model.FeatureFilter:
    if wanted is None:
        return model.FeatureFilter()
    owner_id = given(wanted.owner_id)
    statuses = given_tuple(wanted.status)
    return model.FeatureFilter(
        search=rules.clean_search(given(wanted.search), ("filter", "search")),
        status=None if statuses is None else tuple(status.name for status in statuses),
        category=rules.clean_labels(given_tuple(wanted.category), ("filter", "category")),
        tags=rules.clean_labels(given_tuple(wanted.tags), ("filter", "tags")),
        owner_id=None if owner_id is None else UserId(key_of("User", owner_id, ("filter", "ownerId"))),
        created_at=range_of(wanted.created_at, "createdAt"),
        updated_at=range_of(wanted.updated_at, "updatedAt"),
        include_deleted=bool(given(wanted.include_deleted)),
    )
