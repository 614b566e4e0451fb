"""The plans of one operation: one per combination of the variables that decide @include and @skip, and not too many."""

from collections.abc import Callable
from dataclasses import dataclass

from graphql import (
    DirectiveNode,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.values import VariableValues

from app.engine.arguments import Variables
from app.engine.footprint import plan_bytes
from app.engine.limits import Fragments
from app.engine.plan import Plan, Planner, Unsupported

MAX_PLANS = 16  # of one operation: four conditions; what comes beyond is run by graphql-core
RARE = 3  # runs of a plan before the store is asked for excerpts, as each outline takes a statement of its own


@dataclass(slots=True)
class Kept:
    plan: Plan | None
    runs: int = 0


class Plans:
    """Made when they are first asked for."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        fragments: Fragments,
        *,
        suggestions: bool = True,
        rare: int = RARE,
        grown: Callable[[int], None] = lambda size: None,
    ) -> None:
        """With `suggestions`, errors of variables guess what was meant. `rare`: see RARE. `grown` is told what a new
        plan takes, in bytes."""
        self.variables = Variables(schema, operation.variable_definitions or (), suggestions=suggestions)
        self._schema, self._operation, self._fragments = schema, operation, fragments
        self._conditions, self._rare, self._grown = _conditions(document), rare, grown
        self._plans: dict[tuple[object, ...], Kept] = {}

    def plan(self, variables: VariableValues) -> Plan | None:
        """None where the operation must be run by graphql-core."""
        case = tuple([variables.coerced.get(name) for name in self._conditions]) if self._conditions else ()
        kept = self._plans.get(case)
        if kept is None:
            if len(self._plans) == MAX_PLANS:
                return None
            kept = self._plans[case] = Kept(self._make(variables, excerpts=self._rare == 0))
        elif kept.plan and kept.runs == self._rare:
            kept.plan = self._make(variables, excerpts=True)
        kept.runs += 1
        return kept.plan

    def _make(self, variables: VariableValues, *, excerpts: bool) -> Plan | None:
        try:
            plan = Planner(self._schema, self._operation, self._fragments, variables, excerpts=excerpts).plan()
        except (Unsupported, GraphQLError):
            return None
        self._grown(plan_bytes(plan))
        return plan


def _conditions(document: DocumentNode) -> tuple[str, ...]:
    """Names of the variables in directives, anywhere in the document."""
    found = _Conditions()
    visit(document, found)
    return tuple(found.names)


class _Conditions(Visitor):
    """Of the module: a class that is made anew for each document is a circle, and waits for the collector."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def enter_directive(self, directive: DirectiveNode, *_: object) -> None:
        for argument in directive.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.names[argument.value.name.value] = None
