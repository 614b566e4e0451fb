"""Faults that one might make in the compiled executor, to be planted in it: the differential test must catch each.

Only the compiled way is touched, never what both executors share.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLError, GraphQLOutputType, located_error
from graphql.execution.collect_fields import collect_subfields

from app.context import RequestContext
from app.domain.feature.model import Feature
from app.engine import arguments, batched, excerpt, faults, leaf, plan, plans, run
from app.engine.declare import Edge
from app.engine.shape import Level, Loaded, Selection, Slot, wanted
from app.kernel.actor import Actor
from tests.differential.data import ADMIN

type Plant = Callable[[pytest.MonkeyPatch], None]


def wrong_path_in_a_list(patch: pytest.MonkeyPatch) -> None:
    """The place among the rows of one type is taken for the place in the list."""
    right = Level.position
    patch.setattr(Level, "position", lambda level, row: right(replace(level, places=None), row))


def error_below_a_moved_null(patch: pytest.MonkeyPatch) -> None:
    """What became null is forgotten."""

    class Forgetful(set[object]):
        def add(self, path: object) -> None:
            pass

    right = faults.Faults.__init__

    def init(self: faults.Faults) -> None:
        right(self)
        vars(self)["_nulled"] = Forgetful()

    patch.setattr(faults.Faults, "__init__", init)


def error_told_twice(patch: pytest.MonkeyPatch) -> None:
    right = faults.Faults.fail

    def fail(self: faults.Faults, *given: Any) -> None:
        told = len(self.errors)
        right(self, *given)
        self.errors += self.errors[told:]

    patch.setattr(faults.Faults, "fail", fail)


def error_at_the_first_place_only(patch: pytest.MonkeyPatch) -> None:
    """A field that is merged of several has several locations."""
    patch.setattr(faults, "located_error", lambda error, nodes, path: located_error(error, nodes[:1], path))


def null_that_does_not_climb(patch: pytest.MonkeyPatch) -> None:
    """A null stays where it may not stand."""

    def nullable(at: object) -> tuple[bool, bool]:
        return True, True

    patch.setattr(faults, "_nullability", nullable)


def null_that_climbs_too_far(patch: pytest.MonkeyPatch) -> None:
    """One null in a list takes the list with it."""
    patch.setattr(plan, "Slot", lambda *given: replace(Slot(*given), item_nullable=False))


def memo_that_hands_out_an_exception(patch: pytest.MonkeyPatch) -> None:
    """What a failed batch left for its keys is taken for a row."""
    right = faults._complaint

    def complaint(slot: Slot, row: object) -> Exception:
        return right(slot, f"{row!r}") if isinstance(row, Exception) else right(slot, row)

    patch.setattr(faults, "_complaint", complaint)


def failed_batch_that_is_no_row(patch: pytest.MonkeyPatch) -> None:
    """What could not be loaded is taken for what is missing."""
    right = run.Run._fill_loaded

    def fill(self: run.Run, level: Level, loaded: Any, keys: Sequence[Any], source: batched.Batched) -> None:
        source.seen.update({key: None for key, found in source.seen.items() if isinstance(found, Exception)})
        right(self, level, loaded, keys, source)

    patch.setattr(run.Run, "_fill_loaded", fill)


def batch_out_of_order(patch: pytest.MonkeyPatch) -> None:
    """The values of two keys are exchanged."""

    async def load(self: batched.Batched, context: RequestContext) -> None:
        keys, self.missing = list(self.missing), {}
        try:
            values = await self._batch.load(context, keys, self._request)
            self.seen.update(zip(keys, reversed(values), strict=True))
        except Exception as error:
            self.seen.update(dict.fromkeys(keys, error))

    patch.setattr(batched.Batched, "load", load)


def skipped_permission(patch: pytest.MonkeyPatch) -> None:
    """The services' batches are asked for the administrator, whoever asks."""
    right = batched.Batched.load

    def allowed[S](service: S) -> S:
        changed = copy(service)
        vars(changed)["_actor"] = Actor(ADMIN, "ADMIN")
        return changed

    async def load(self: batched.Batched, context: RequestContext) -> None:
        services = (allowed(context.user), allowed(context.feature), allowed(context.audit))
        user, feature, audit = services
        await right(self, replace(context, user=user, feature=feature, audit=audit))

    patch.setattr(batched.Batched, "load", load)


def stale_memo_after_a_write(patch: pytest.MonkeyPatch) -> None:
    """A memo of the engine's own, which no write clears."""
    of: list[object] = [None]
    kept: dict[object, object] = {}

    def found(batch: Any, context: RequestContext, request: Any) -> Any:
        if of[0] is not context:
            of[0] = context
            kept.clear()
        return kept.setdefault((batch, request), batched.Batched(batch, request))

    patch.setattr(run, "batched", found)


def int_out_of_range(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(leaf.PLAIN, "Int", "{v}.__class__ is int")


def unknown_enum_value(patch: pytest.MonkeyPatch) -> None:
    class AnyName(dict[str, str]):
        def __contains__(self, name: object) -> bool:
            return True

        def __missing__(self, name: str) -> str:
            return name

    def names(type_: GraphQLEnumType) -> dict[str, str]:
        return AnyName()

    patch.setattr(leaf, "_names", names)


def items_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    """Any list is taken for a list of strings."""
    right = leaf._accepting

    def accepting(type_: GraphQLOutputType, *given: Any) -> tuple[str, str]:
        check, result = right(type_, *given)
        return check.replace(" and {*map(type, {v})} <= strings", ""), result

    patch.setattr(leaf, "_accepting", accepting)


def lost_alias(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plan, "Leaf", lambda key, nodes, *given: leaf.Leaf(nodes[0].name.value, nodes, *given))


def wrong_key_order(patch: pytest.MonkeyPatch) -> None:
    """Edges come after all leaves."""

    def builder(model: type, members: Sequence[leaf.Leaf | leaf.Constant]) -> leaf.Build:
        return leaf.builder(model, sorted(members, key=lambda member: isinstance(member, leaf.Constant)))

    patch.setattr(plan, "builder", builder)


def plan_of_other_conditions(patch: pytest.MonkeyPatch) -> None:
    """The variables of @skip and @include do not tell one plan from another."""
    patch.setattr(plans, "_conditions", lambda document: ())


def skip_ignored(patch: pytest.MonkeyPatch) -> None:
    """Below the root, what a variable says to skip is not."""

    def collect(schema: Any, fragments: Any, variables: Any, *given: Any) -> Any:
        coerced = {name: False if value is True else value for name, value in variables.coerced.items()}
        return collect_subfields(schema, fragments, variables._replace(coerced=coerced), *given)

    patch.setattr(plan, "collect_subfields", collect)


def arguments_of_the_first_run(patch: pytest.MonkeyPatch) -> None:
    """What an edge's arguments came to is kept, though they hold variables."""
    patch.setattr(arguments, "_uses_variables", lambda node: False)


def message_of_its_own(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(run, "null_error", lambda label: GraphQLError(f"{label} is null"))


def column_that_nobody_wanted(patch: pytest.MonkeyPatch) -> None:
    """What is selected is not told to the store, which leaves it out."""
    patch.setattr(plan, "wanted", lambda slot: wanted(slot) - {"metadata", "changes"})


def unasked_who_came_along(patch: pytest.MonkeyPatch) -> None:
    """Who comes along is handed out without the service being asked what may be seen."""

    def joined(self: run.Run, level: Level, edge: Edge) -> list[Any]:
        return [row.owner if isinstance(row, Feature) else row.actor for row in level.rows]

    patch.setattr(run.Run, "_joined", joined)


def gaps_of_another_order(patch: pytest.MonkeyPatch) -> None:
    """What is loaded for one gap of an excerpt is put into another."""
    right = excerpt.Gapped.__init__

    def init(self: excerpt.Gapped, text: str, keys: Sequence[str]) -> None:
        right(self, text, keys[::-1])

    patch.setattr(excerpt.Gapped, "__init__", init)


def excerpt_without_aliases(patch: pytest.MonkeyPatch) -> None:
    """A value's key is its field's name."""
    right = excerpt._parts

    def parts(selection: Selection, words: list[str], gaps: list[Loaded] | None) -> Any:
        members = [
            replace(member, key=member.nodes[0].name.value) if isinstance(member, leaf.Leaf) else member
            for member in selection.members
        ]
        return right(replace(selection, members=members), words, gaps)

    patch.setattr(excerpt, "_parts", parts)


ON_POSTGRESQL: Mapping[str, Plant] = {
    plant.__name__: plant
    for plant in (
        column_that_nobody_wanted,
        unasked_who_came_along,
        gaps_of_another_order,
        excerpt_without_aliases,
    )
}
ALL: Mapping[str, Plant] = {
    plant.__name__: plant
    for plant in (
        wrong_path_in_a_list,
        error_below_a_moved_null,
        error_told_twice,
        error_at_the_first_place_only,
        null_that_does_not_climb,
        null_that_climbs_too_far,
        memo_that_hands_out_an_exception,
        failed_batch_that_is_no_row,
        batch_out_of_order,
        skipped_permission,
        stale_memo_after_a_write,
        int_out_of_range,
        unknown_enum_value,
        items_not_looked_at,
        lost_alias,
        wrong_key_order,
        plan_of_other_conditions,
        skip_ignored,
        arguments_of_the_first_run,
        message_of_its_own,
    )
}
