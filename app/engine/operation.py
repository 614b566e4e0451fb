"""Operations: found by their text, or parsed, checked and validated once; run by a plan, or whole by graphql-core."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Literal

from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    execute,
    parse,
    validate,
)
from graphql import OperationDefinitionNode as OperationNode
from graphql.execution.values import VariableValues

from app.engine.batch import Context
from app.engine.compiled import run_plan
from app.engine.limits import Limits, check_length, check_limits
from app.engine.plans import Plans
from app.engine.price import Price
from app.engine.weights import Costs

CACHED = 200_000  # characters of documents in all; parsed, priced and planned, each takes 245 bytes as measured: 49 MB
CACHED_DOCUMENT = 20_000  # characters; longer ones are parsed every time

type Executor = Literal["compiled", "reference"]


class RequestError(Exception):
    """The request is not one that can be run; `phase` says what it failed at."""

    def __init__(self, phase: str, errors: list[GraphQLError]) -> None:
        super().__init__(phase)
        self.phase, self.errors = phase, errors


@dataclass(frozen=True, slots=True)
class Document:
    """A text that was parsed; `error` where it was not valid."""

    node: DocumentNode
    operations: dict[str | None, OperationNode]
    prices: dict[str | None, Price]
    plans: dict[str | None, Plans]
    error: RequestError | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a valid document. Without plans it is run by graphql-core."""

    node: DocumentNode
    definition: OperationNode
    price: Price
    plans: Plans | None

    @property
    def name(self) -> str | None:
        return self.definition.name.value if self.definition.name else None

    @property
    def mutates(self) -> bool:
        return self.definition.operation is OperationType.MUTATION


class Engine:
    """`max_tokens` bounds a document before anything is made of it; `on_executed` is told what ran each operation."""

    def __init__(
        self,
        schema: GraphQLSchema,
        costs: Costs,
        limits: Limits,
        max_tokens: int,
        executor: Executor = "compiled",
        on_executed: Callable[[Executor], None] = lambda executor: None,
    ) -> None:
        self.schema, self._costs = schema, costs
        self._limits, self._max_tokens = limits, max_tokens
        self._executor, self._on_executed = executor, on_executed
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._cached = 0

    def operation(self, text: str, name: str | None) -> Operation:
        """Raises RequestError where the text is not valid, or has no such operation, or several and no name."""
        document = self._documents.get(text)
        if document is None:
            document = self._read(text)
            self._keep(text, document)
        else:
            self._documents.move_to_end(text)
        if document.error:
            raise RequestError(document.error.phase, document.error.errors)  # anew: a traceback grows when raised again
        if name is None and len(document.operations) > 1:
            raise _refused("operation", "The document has several operations: name one in `operationName`.")
        if name is None:
            name = next(iter(document.operations))
        if name not in document.operations:
            raise _refused("operation", "The document has no operation of the name in `operationName`.")
        return Operation(document.node, document.operations[name], document.prices[name], document.plans[name])

    async def execute(self, operation: Operation, variables: dict[str, Any], context: Context) -> ExecutionResult:
        """The plan's way where there is a plan, else graphql-core's; the result is the same."""
        if self._executor == "compiled" and operation.plans:
            coerced = operation.plans.variables.coerce(variables)
            if not isinstance(coerced, VariableValues):
                return ExecutionResult(None, coerced)
            plan = operation.plans.plan(coerced)
            if plan is not None:
                self._on_executed("compiled")
                return await run_plan(self.schema, plan, coerced, context)
        self._on_executed("reference")
        return await self._reference(operation, variables, context)

    async def _reference(self, operation: Operation, variables: dict[str, Any], context: Context) -> ExecutionResult:
        result = execute(
            self.schema,
            operation.node,
            variable_values=variables,
            operation_name=operation.name,
            context_value=context,
        )
        return await result if isawaitable(result) else result

    def _read(self, text: str) -> Document:
        if too_long := check_length(text, self._limits):
            return _unreadable(RequestError("limits", [too_long]))
        try:
            node = parse(text, max_tokens=self._max_tokens)
        except GraphQLError as error:
            return _unreadable(RequestError("parse", [error]))
        except RecursionError:
            return _unreadable(_refused("parse", "The document is nested too deep: split it."))
        operations = {d.name.value if d.name else None: d for d in node.definitions if isinstance(d, OperationNode)}
        if fault := self._fault(node, operations):
            return Document(node, operations, {}, {}, fault)
        fragments = {d.name.value: d for d in node.definitions if isinstance(d, FragmentDefinitionNode)}
        prices = {name: Price(self.schema, self._costs, operation, fragments) for name, operation in operations.items()}
        plans = {name: Plans(self.schema, node, operation, fragments) for name, operation in operations.items()}
        return Document(node, operations, prices, plans, None)

    def _fault(self, node: DocumentNode, operations: dict[str | None, OperationNode]) -> RequestError | None:
        """Limits come first: validation takes exponential time for some documents that break them."""
        if errors := check_limits(node, self._limits):
            return RequestError("limits", errors)
        if not operations:
            return _refused("validate", "The document has no operation: there is nothing to run.")
        if errors := validate(self.schema, node):
            return RequestError("validate", errors)
        return None

    def _keep(self, text: str, document: Document) -> None:
        if len(text) > CACHED_DOCUMENT:
            return
        self._documents[text] = document
        self._cached += len(text)
        while self._cached > CACHED:
            oldest, _ = self._documents.popitem(last=False)
            self._cached -= len(oldest)


def _refused(phase: str, message: str) -> RequestError:
    return RequestError(phase, [GraphQLError(message)])


def _unreadable(error: RequestError) -> Document:
    return Document(DocumentNode(definitions=()), {}, {}, {}, error)
