"""@cost and @listSize (IBM GraphQL cost specification §5): how a schema says what its fields cost.

They are declared here, and read by `engine.weights` from the schema as it is published.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_args, get_origin

import strawberry
from strawberry.schema_directive import Location

from app.kernel.page import DEFAULT_PAGE

PAGING = ("first", "last")
ROWS = ("edges", "nodes")
WRITE = "10"  # what a field of the mutation type weighs,
WRITE_OF_MANY = "5"  # and each item of one that takes many: 1,000 of them fit into MAX_COST, with what is selected

ABSENT: Any = strawberry.UNSET


@strawberry.schema_directive(
    name="cost",
    locations=[Location.FIELD_DEFINITION],
    description="What the field costs, in points, a whole number; without it, 1 for objects and 0 for all else. What "
    "is selected in it comes on top. (IBM GraphQL cost specification)",
)
class Cost:
    weight: str


@strawberry.schema_directive(
    name="listSize",
    locations=[Location.FIELD_DEFINITION],
    description="How many objects the field gives: as many as the longest list among its `slicingArguments` holds. "
    "With `sizedFields` it gives a page, of as many rows as the first number among them that is given says, else "
    "`assumedSize`; these fields show the rows, as many as the least of the numbers says, or one for each item where "
    "lists alone are named. `input.items` is the field of an argument. (IBM GraphQL cost specification)",
)
class ListSize:
    assumed_size: int | None = ABSENT
    slicing_arguments: list[str] | None = ABSENT
    sized_fields: list[str] | None = ABSENT
    require_one_slicing_argument: bool | None = True


def sizes_of(resolver: Callable[..., object], returns: object = None) -> Sequence[ListSize]:
    """What the parameters of a field say of its size: `first` and `last` that it is a connection, and a list, where a
    list is returned, how many there will be; none for all else."""
    parameters = inspect.signature(resolver).parameters
    if any(name in parameters for name in PAGING):
        numbers = [name for name in PAGING if name in parameters]
        return [
            ListSize(
                assumed_size=DEFAULT_PAGE,
                slicing_arguments=numbers,
                sized_fields=list(ROWS),
                require_one_slicing_argument=False,
            )
        ]
    if get_origin(returns) is not list:
        return []
    lists = [name for name, parameter in parameters.items() if _is_list(parameter.annotation)]
    return [ListSize(slicing_arguments=lists, require_one_slicing_argument=False)] if lists else []


def _is_list(annotation: object) -> bool:
    """Described (`Annotated`) or not."""
    given = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return get_origin(given) is list
