"""What a price is worked out from: the selection sets of an operation, each once, and what each field of them adds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.kernel.page import MAX_PAGE
from app.kernel.value import value

type Variables = Mapping[str, object]


@value
class Bounds:
    """How many objects a field may give, how many rows of a page are read for each, and how many of them it shows."""

    objects: int = 1
    read: int = 0
    shown: int = MAX_PAGE  # where rows are selected outside a page: the most there can be


@dataclass(frozen=True, slots=True)
class Term:
    """A field that costs something: `objects * (weight + read + flat + shown * per_row)` of the step `below`."""

    key: str  # in the answer
    weight: int
    bounds: Callable[[Variables], Bounds]
    is_row: bool  # it is paid once for each row of the page
    below: int | None  # a leaf has nothing there


@dataclass(slots=True)
class Step:
    """One selection set: numbers of others are positions among the steps, always earlier ones."""

    spread: list[int] = field(default_factory=list)
    terms: list[Term] = field(default_factory=list)
