"""A statement: written in SQLAlchemy Core, compiled once to asyncpg's `$n` text, run without SQLAlchemy."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ClauseElement
from sqlalchemy.engine import make_url

DIALECT = make_url("postgresql+asyncpg://").get_dialect()()


class Statement:
    """`name` stands for it in metrics and logs; it must not depend on what a client sends."""

    def __init__(self, name: str, clause: ClauseElement) -> None:
        compiled = clause.compile(dialect=DIALECT)
        self.name, self.text = name, str(compiled)
        self._order: tuple[str, ...] = tuple(getattr(compiled, "positiontup", None) or ())
        self._fixed: dict[str, Any] = {key: value for key, value in compiled.params.items() if value is not None}

    @property
    def width(self) -> int:
        """How many values it takes."""
        return len(self._order)

    def arguments(self, given: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the text. Raises KeyError for one that is missing."""
        values = {**self._fixed, **given} if self._fixed else given
        return list(map(values.__getitem__, self._order))
