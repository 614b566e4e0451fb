"""Operations: found by their text, or parsed, checked and validated once; run by a plan, or whole by graphql-core."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
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
from app.engine.cache import Cache
from app.engine.compiled import run_plan
from app.engine.footprint import document_bytes
from app.engine.limits import Limits, check_length, check_limits, introspects
from app.engine.plans import RARE, Plans
from app.engine.price import Price
from app.engine.tokens import forget_tokens
from app.engine.weights import Costs

CACHED = 12_000_000  # bytes of documents in all, with their plans: some 700 of a dozen fields

type Executor = Literal["compiled", "reference"]


class RequestError(Exception):
    """The request is not one that can be run; `phase` says what it failed at."""

    def __init__(self, phase: str, errors: list[GraphQLError]) -> None:
        super().__init__(phase)
        self.phase, self.errors = phase, errors


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a valid document. Without plans it is run by graphql-core."""

    node: DocumentNode
    definition: OperationNode
    price: Price
    introspects: bool  # its document asks for the schema: a fact, and who may is decided per request
    plans: Plans | None

    @property
    def name(self) -> str | None:
        return self.definition.name.value if self.definition.name else None

    @property
    def kind(self) -> str:
        return self.definition.operation.value

    @property
    def mutates(self) -> bool:
        return self.definition.operation is OperationType.MUTATION


@dataclass(frozen=True, slots=True)
class Document:
    """A text that was parsed: its operations by name, or what is wrong with it."""

    operations: dict[str | None, Operation]
    error: RequestError | None
    size: int  # bytes, about, without its plans


class Engine:
    """`max_tokens` bounds a document before anything is made of it; with `suggestions`, errors guess what was meant;
    `rare`: how often a plan runs before the store is asked for excerpts; `cached` bounds the bytes of what is kept;
    `on_executed` is told what ran each."""

    def __init__(
        self,
        schema: GraphQLSchema,
        costs: Costs,
        limits: Limits,
        max_tokens: int,
        *,
        suggestions: bool = True,
        executor: Executor = "compiled",
        rare: int = RARE,
        cached: int = CACHED,
        on_executed: Callable[[Executor], None] = lambda executor: None,
    ) -> None:
        self.schema, self._costs = schema, costs
        self._limits, self._max_tokens, self._suggestions = limits, max_tokens, suggestions
        self._executor, self._rare, self._on_executed = executor, rare, on_executed
        self.documents: Cache[Document] = Cache(cached)
        self.hits, self.misses = 0, 0  # of those

    def operation(self, text: str, name: str | None) -> Operation:
        """Raises RequestError where the text is not valid, or has no such operation, or several and no name."""
        document = self.documents.get(text)
        if document is None:
            self.misses += 1
            document = self._read(text)
            self.documents.put(text, document, document.size)
        else:
            self.hits += 1
        if document.error:
            raise RequestError(document.error.phase, document.error.errors)  # anew: a traceback grows when raised again
        if name is None and len(document.operations) > 1:
            raise _refused("operation", "The document has several operations: name one in `operationName`.")
        if name is None:
            name = next(iter(document.operations))
        if name not in document.operations:
            raise _refused("operation", "The document has no operation of the name in `operationName`.")
        return document.operations[name]

    def check(self, text: str) -> None:
        """Raises RequestError where the text is not valid; it is not remembered."""
        if error := self._read(text).error:
            raise error

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
            hide_suggestions=not self._suggestions,
        )
        return await result if isawaitable(result) else result

    def _read(self, text: str) -> Document:
        if too_long := check_length(text, self._limits):
            return _wrong(text, 0, RequestError("limits", [too_long]))
        try:
            node = parse(text, max_tokens=self._max_tokens)
        except GraphQLError as error:
            # Without the traceback: its frames would keep the parser, and all tokens, as long as the document.
            return _wrong(text, 0, RequestError("parse", [error.with_traceback(None)]))
        except RecursionError:
            return _wrong(text, 0, _refused("parse", "The document is nested too deep: split it."))
        nodes = forget_tokens(node)
        definitions = [d for d in node.definitions if isinstance(d, OperationNode)]
        if fault := self._fault(node, definitions):
            return _wrong(text, nodes, fault)
        fragments = {d.name.value: d for d in node.definitions if isinstance(d, FragmentDefinitionNode)}
        asks_schema, grown = introspects(node), partial(self.documents.grow, text)
        operations = {
            definition.name.value if definition.name else None: Operation(
                node,
                definition,
                Price(self.schema, self._costs, definition, fragments),
                asks_schema,
                Plans(
                    self.schema,
                    node,
                    definition,
                    fragments,
                    suggestions=self._suggestions,
                    rare=self._rare,
                    grown=grown,
                ),
            )
            for definition in definitions
        }
        return Document(operations, None, document_bytes(text, nodes))

    def _fault(self, node: DocumentNode, operations: Sequence[OperationNode]) -> RequestError | None:
        """Limits come first: validation takes exponential time for some documents that break them."""
        if errors := check_limits(node, self._limits):
            return RequestError("limits", errors)
        if not operations:
            return _refused("validate", "The document has no operation: there is nothing to run.")
        if errors := validate(self.schema, node, hide_suggestions=not self._suggestions):
            return RequestError("validate", errors)
        return None


def _wrong(text: str, nodes: int, error: RequestError) -> Document:
    return Document({}, error, document_bytes(text, nodes, error.errors))


def _refused(phase: str, message: str) -> RequestError:
    return RequestError(phase, [GraphQLError(message)])
