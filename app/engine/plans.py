"""The plans of one operation: one per combination of the variables that decide @include and @skip, and not too many."""

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
from app.engine.limits import Fragments
from app.engine.plan import Plan, Planner, Unsupported

MAX_PLANS = 16  # of one operation: four conditions; what comes beyond is run by graphql-core


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
    ) -> None:
        """With `suggestions`, errors of variables guess what was meant."""
        self.variables = Variables(schema, operation.variable_definitions or (), suggestions=suggestions)
        self._schema, self._operation, self._fragments = schema, operation, fragments
        self._conditions = _conditions(document)
        self._plans: dict[tuple[object, ...], Plan | None] = {}

    def plan(self, variables: VariableValues) -> Plan | None:
        """None where the operation must be run by graphql-core."""
        case = tuple([variables.coerced.get(name) for name in self._conditions]) if self._conditions else ()
        if case in self._plans:
            return self._plans[case]
        if len(self._plans) == MAX_PLANS:
            return None
        made = self._plans[case] = self._make(variables)
        return made

    def _make(self, variables: VariableValues) -> Plan | None:
        try:
            return Planner(self._schema, self._operation, self._fragments, variables).plan()
        except (Unsupported, GraphQLError):
            return None


def _conditions(document: DocumentNode) -> tuple[str, ...]:
    """Names of the variables in directives, anywhere in the document."""
    found: dict[str, None] = {}

    class Find(Visitor):
        def enter_directive(self, directive: DirectiveNode, *_: object) -> None:
            for argument in directive.arguments or ():
                if isinstance(argument.value, VariableNode):
                    found[argument.value.name.value] = None

    visit(document, Find())
    return tuple(found)
