"""A statement: written in SQLAlchemy Core, compiled once to asyncpg's `$n` text, run without SQLAlchemy."""

from collections.abc import Mapping
from copy import copy
from typing import Any

from sqlalchemy import ClauseElement
from sqlalchemy.engine import make_url

DIALECT = make_url("postgresql+asyncpg://").get_dialect()()


class Statement:
    """`name` stands for it in metrics and logs; it must not depend on what a client sends."""

    def __init__(self, name: str, clause: ClauseElement) -> None:
        compiled = clause.compile(dialect=DIALECT)
        self.name, self.text = name, str(compiled)
        self._fixed: dict[str, Any] = {}
        self._order: tuple[str, ...] = tuple(getattr(compiled, "positiontup", None) or ())
        self.fix({key: value for key, value in compiled.params.items() if value is not None})

    def saying(self, words: Mapping[str, Any]) -> "Statement":
        """The same text, with values that need not be given again."""
        found = copy(self)
        found.fix(words)
        return found

    def fix(self, values: Mapping[str, Any]) -> None:
        """Before anybody else has the statement."""
        self._fixed = {**self._fixed, **values}
        self._values = [self._fixed.get(name) for name in self._order]
        self._open = [(place, name) for place, name in enumerate(self._order) if name not in self._fixed]

    @property
    def width(self) -> int:
        """How many values it takes."""
        return len(self._order)

    def arguments(self, given: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the text, the fixed ones among them. Raises KeyError for one that is missing."""
        values = self._values.copy()
        for place, name in self._open:
            values[place] = given[name]
        return values
