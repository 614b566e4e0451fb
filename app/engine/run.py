"""One run of a plan: every selection set is completed for all its parents at once, level by level.

Completion is synchronous; where it meets an edge it leaves a job, and all jobs of a level are loaded together.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql.execution.values import VariableValues

from app.engine.batch import Context
from app.engine.batched import Batched, batched
from app.engine.declare import Edge
from app.engine.excerpt import answers, without_bare
from app.engine.faults import Faults, null_error
from app.engine.leaf import Answer, Row, items_of
from app.engine.shape import Level, Loaded, Selection, Slot
from app.kernel.want import Excerpt

type Begun = tuple[Level, Selection | None, list[int]]  # a level, and its rows that must be looked at singly
EXCERPTS = {Excerpt}

type Job = tuple[Level, Loaded]


class Run:
    """The state of one execution."""

    def __init__(self, context: Context, variables: VariableValues) -> None:
        self.context, self.variables = context, variables
        self.faults = Faults()
        self._jobs: list[Job] = []

    # Down: what is there is completed, what must be loaded is noted.

    def fill(self, level: Level, slot: Slot, values: Sequence[Any]) -> None:
        """Puts one value per row of the level into the slot; an exception is an error at that place."""
        if slot.only is None and not slot.of:
            for row, value in enumerate(values):
                self.faults.leaf(level, row, slot, slot.output, value)
        elif slot.listed:
            self._fill_lists(level, slot, values)
        else:
            self._fill_objects(level, slot, values)

    def _fill_objects(self, level: Level, slot: Slot, values: Sequence[Any]) -> None:
        owners: Sequence[int] | None = None
        if not all(values):
            values, owners = self._without_nulls(level, slot, values)
        finished, begun = _begin(level, slot, values, owners, self.context)
        places = range(len(values)) if owners is None else owners
        for owner, answer in zip(places, finished, strict=True):
            level.outs[owner][slot.key] = answer
        self._finish(begun)

    def _fill_lists(self, level: Level, slot: Slot, values: Sequence[Any]) -> None:
        owners: Sequence[int] | None = None
        if not all(value.__class__ is list for value in values):
            values, owners = self._without_nulls(level, slot, values)
        if slot.only is not None and slot.only.outline is not None:
            values, owners = without_bare(level, slot.key, values, owners)
        places = range(len(values)) if owners is None else owners
        flat = [item for value in values for item in value]
        parents = [owner for owner, value in zip(places, values, strict=True) for _ in value]
        finished, begun = _begin(level, slot, flat, parents, self.context)
        end = 0
        for owner, value in zip(places, values, strict=True):
            start, end = end, end + len(value)
            level.outs[owner][slot.key] = finished[start:end]
        self._finish(begun)

    def _without_nulls(self, level: Level, slot: Slot, values: Sequence[Any]) -> tuple[list[Any], list[int]]:
        """Values that are objects, or lists, and the rows that they are of; nulls and errors are put in place here."""
        kept, owners = [], []
        for row, value in enumerate(values):
            try:
                if isinstance(value, Exception):
                    raise value
                if value is None and not slot.nullable:
                    raise null_error(slot.label)
                found = items_of(value, slot.label) if slot.listed and value is not None else value
            except Exception as error:  # what a batch or an iterator raised, at this row alone
                self.faults.fail(level, row, slot, error)
                continue
            if found is None:
                level.outs[row][slot.key] = None
            else:
                kept.append(found)
                owners.append(row)
        return kept, owners

    def _finish(self, begun: Sequence[Begun]) -> None:
        for level, selection, singly in begun:
            if selection is None:
                self.faults.strays(level, singly)
                continue
            fell = [(row, self.faults.repair(level, selection, row, self.context)) for row in singly]
            if level.rows:
                self._expand(level, selection, {row: place for row, place in fell if place is not None})

    def _expand(self, level: Level, selection: Selection, fell: Mapping[int, int]) -> None:
        """`fell`: rows that a leaf has nulled, and its place. Edges behind it are not followed, as in graphql-core."""
        for inner in selection.inner:  # of which an excerpt has none
            self.fill(level, inner.slot, _each(inner.reader(self.context), level.rows))
        whole = level
        for loaded in selection.gaps if level.written else selection.loaded:
            if fell:
                place = [member.key for member in selection.members].index(loaded.slot.key)
                level = whole.without({row for row, at in fell.items() if at < place})
            if loaded.edge.joined is None or (values := self._joined(level, loaded.edge)) is None:
                self._jobs.append((level, loaded))
            else:
                self.fill(level, loaded.slot, values)

    def _joined(self, level: Level, edge: Edge) -> list[Any] | None:
        """What the edge leads to from each row; None where something of it did not come along."""
        assert edge.joined
        read, context = edge.joined, self.context
        try:
            values = [read(row, context) for row in level.rows]
            if all(values) or not any(
                value is None and edge.key(row) is not None for row, value in zip(level.rows, values, strict=True)
            ):
                return values
        except Exception:  # some row is not what it should be: the job meets it again, and says at which
            return None
        return None

    # Across: everything that a level waits for is loaded together.

    async def drain(self) -> None:
        """Until no job is left. A job whose keys are all known is done at once: what is below it need not wait."""
        while self._jobs:
            waiting: list[tuple[Level, Loaded, list[Any], Batched]] = []
            wanted: dict[Batched, None] = {}
            while self._jobs:
                jobs, self._jobs = self._jobs, []
                for level, loaded in jobs:
                    try:
                        source, keys = self._asked(level, loaded)
                    except Exception as error:  # the reference meets it once per parent, and so do we
                        self.fill(level, loaded.slot, [error] * len(level.rows))
                        continue
                    if source.want([key for key in keys if not isinstance(key, Exception)]):
                        waiting.append((level, loaded, keys, source))
                        wanted[source] = None
                    else:
                        self._fill_loaded(level, loaded, keys, source)
            if len(wanted) == 1:
                await next(iter(wanted)).load(self.context)
            elif wanted:
                await asyncio.gather(*(source.load(self.context) for source in wanted))
            for level, loaded, keys, source in waiting:
                self._fill_loaded(level, loaded, keys, source)

    def _asked(self, level: Level, loaded: Loaded) -> tuple[Batched, list[Any]]:
        """What the job is loaded by, and one key per row, or the exception that it raised."""
        edge, arguments = loaded.edge, loaded.arguments
        make = edge.arguments
        request = arguments.request(self.variables, make) if arguments and make else None
        return batched(edge.batch, self.context, request), _each(edge.key, level.rows)

    def _fill_loaded(self, level: Level, loaded: Loaded, keys: Sequence[Any], source: Batched) -> None:
        seen = source.seen
        try:
            values = [seen[key] for key in keys]
        except KeyError:  # some key is an exception
            values = [key if isinstance(key, Exception) else seen[key] for key in keys]
        self.fill(level, loaded.slot, values)


def _begin(
    level: Level, slot: Slot, rows: Sequence[Row], owners: Sequence[int] | None, context: Context
) -> tuple[Sequence[Any], list[Begun]]:
    """Answers for `rows` in order, and the levels they make: one, or one per type that is among them."""
    if slot.only is not None:
        if slot.only.outline is not None and {*map(type, rows)} <= EXCERPTS:
            outs = answers(slot.only, rows)
            return outs, [(Level(rows, outs, level, slot, None, owners, True), slot.only, [])]
        outs, singly = _build(slot.only, rows, context)
        if all(isinstance(rows[row], slot.only.model) for row in singly):
            return outs, [(Level(rows, outs, level, slot, None, owners), slot.only, singly)]
    finished: list[Any] = [None] * len(rows)
    groups: dict[tuple[int, bool], tuple[Selection, list[int]]] = {}
    strays: list[int] = []
    for place, row in enumerate(rows):
        selection = _selection_of(slot, row)
        if selection is None:
            strays.append(place)
        else:
            groups.setdefault((id(selection), row.__class__ is Excerpt), (selection, []))[1].append(place)
    begun: list[Begun] = []
    if strays:
        begun.append((Level(rows, finished, level, slot, None, owners), None, strays))
    for (_, written), (selection, places) in groups.items():
        members = [rows[place] for place in places]
        outs, singly = (answers(selection, members), []) if written else _build(selection, members, context)
        for place, out in zip(places, outs, strict=True):
            finished[place] = out
        begun.append((Level(members, outs, level, slot, places, owners, written), selection, singly))
    return finished, begun


def _selection_of(slot: Slot, row: Row) -> Selection | None:
    if slot.only is not None:
        described = isinstance(row, slot.only.model) or (row.__class__ is Excerpt and slot.only.outline is not None)
        return slot.only if described else None
    found = slot.of.get(row.__class__)
    if found is None:
        found = next((selection for model, selection in slot.of.items() if isinstance(row, model)), None)
    return found


def _build(selection: Selection, rows: Sequence[Row], context: Context) -> tuple[list[Any], list[int]]:
    """Answers, and the rows whose answer is still an empty dict."""
    outs: list[Answer | None]
    try:
        outs = selection.build(rows, context)
    except Exception:  # some row has a value that cannot even be looked at: each is completed singly, and says so
        outs = [None] * len(rows)
    if all(outs):
        return outs, []
    singly = [row for row, out in enumerate(outs) if out is None]
    return [{} if out is None else out for out in outs], singly


def _each(read: Callable[[Row], Any], rows: Sequence[Row]) -> list[Any]:
    """One value per row; where it cannot be read, the exception."""
    try:
        return list(map(read, rows))
    except Exception:  # some row cannot be read: each is tried by itself
        return [_attempt(read, row) for row in rows]


def _attempt(read: Callable[[Row], Any], row: Row) -> object:
    try:
        return read(row)
    except Exception as error:  # it becomes the error of this row
        return error
