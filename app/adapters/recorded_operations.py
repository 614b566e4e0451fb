"""Operations that clients send are counted in memory and written in batches: a request pays for one entry of a dict.

What is kept of a document is its signature, without values. It is made when counts are written, not before.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from random import random

import structlog
from graphql import GraphQLSchema, parse

from app.contract.recorded import Recorded
from app.contract.signature import signature
from app.kernel.clock import Clock

log = structlog.get_logger()

MOST = 1_000  # counts that wait; what comes new beyond them is not counted
MOST_CHARACTERS = 2_000_000  # of documents that wait, all in all
LONGEST = 20_000  # characters of a document; longer ones are not recorded
REMEMBERED = 256  # signatures
NAME = re.compile(r"[\x20-\x7e]{1,100}", re.ASCII)

type Program = tuple[str, str]  # name and version of a client, by its own word
type Key = tuple[str, str | None, Program]  # text, name of the operation


class RecordedOperations:
    """One of `one_of` operations is counted and stands for as many; 0: none is. `draw` gives numbers from 0 to below 1,
    `write` says how many of the rows there was room for."""

    def __init__(
        self,
        write: Callable[[Sequence[Recorded]], Awaitable[int]],
        schema: GraphQLSchema,
        one_of: int,
        now: Clock,
        draw: Callable[[], float] = random,
    ) -> None:
        self._write, self._schema, self._one_of, self._now, self._draw = write, schema, one_of, now, draw
        self._full = False
        self._counts: dict[Key, int] = {}
        self._size = 0  # characters of all that is counted
        self._signatures: dict[tuple[str, str | None], tuple[bytes, str]] = {}

    def seen(self, text: str, name: str | None, program: Program) -> None:
        """The operation is valid. On the way of every request: no clock, no parsing."""
        if self._one_of != 1 and (self._one_of == 0 or self._draw() * self._one_of >= 1):
            return
        key = (text, name, program)
        known = self._counts.get(key)
        if known is not None:
            self._counts[key] = known + self._one_of
        else:
            self._begin(key, self._one_of)

    async def note(self) -> None:
        """What cannot be written now is kept for the next time. Raises Unavailable."""
        counts, self._counts = self._counts, {}
        self._size = 0
        try:
            rows = await self._recorded(counts)
            left_out = len(rows) - await self._write(rows)
        except BaseException:  # cancelled, too
            for key, calls in counts.items():
                if key in self._counts:
                    self._counts[key] += calls
                else:
                    self._begin(key, calls)
            raise
        if left_out and not self._full:
            log.warning("operations are not recorded: there are too many", left_out=left_out)
        self._full = left_out > 0

    def _begin(self, key: Key, calls: int) -> None:
        """If there is room: the text is kept until it is written, parsed it would take a hundred times as much."""
        length = len(key[0])
        if length <= LONGEST and len(self._counts) < MOST and self._size + length <= MOST_CHARACTERS:
            self._counts[key] = calls
            self._size += length

    async def _recorded(self, counts: dict[Key, int]) -> list[Recorded]:
        """In one order, so that two servers never wait for each other."""
        at, found = self._now(), dict[tuple[bytes, str, str], Recorded]()
        for key, calls in counts.items():
            text, name, (client, version) = key
            hash, document = self._signature(text, name)
            if len(document) > LONGEST:
                continue
            row = (hash, _clean(client), _clean(version))
            calls += found[row].calls if row in found else 0
            found[row] = Recorded(*row, name, document, calls, at)
            await asyncio.sleep(0)  # requests go first
        return [found[row] for row in sorted(found)]

    def _signature(self, text: str, name: str | None) -> tuple[bytes, str]:
        known = self._signatures.pop((text, name), None)
        if known is None:
            document = signature(self._schema, parse(text, no_location=True), name)
            known = sha256(document.encode()).digest(), document
        self._signatures[text, name] = known  # the latest is last
        if len(self._signatures) > REMEMBERED:
            del self._signatures[next(iter(self._signatures))]
        return known


def _clean(word: str) -> str:
    """What is no short line of ASCII is as good as nothing."""
    return word.strip() if NAME.fullmatch(word) else ""
