"""Both executors on the same operation, world and actor: equal bytes of data, equal errors, equal writes."""

import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import Any, Protocol

import orjson
from graphql import DirectiveNode, ExecutionResult, GraphQLError, NameNode, OperationDefinitionNode, execute
from graphql.type.directives import GraphQLDisableErrorPropagationDirective

from app.context import RequestContext
from app.engine.excerpt import Gapped, encode
from app.engine.limits import Limits
from app.engine.operation import Engine, Operation, RequestError
from app.kernel.actor import GUEST, Actor
from app.resolvers.root import core, costs
from tests.differential import hypothesized
from tests.differential.climbing import climbing
from tests.differential.data import ADMIN, MANAGER, OTHER, USER, VIEWER, Rows
from tests.differential.generate import Generator

ACTORS = {
    "guest": GUEST,
    "viewer": Actor(VIEWER, "VIEWER"),
    "user": Actor(USER, "USER"),
    "other": Actor(OTHER, "USER"),
    "manager": Actor(MANAGER, "MANAGER"),
    "admin": Actor(ADMIN, "ADMIN"),
}
SEEING = ("admin", "admin", "viewer", "user", "manager", "other")  # who is asked mostly: a guest's answers are short
FOREIGN = 5  # of so many operations one is hypothesis-graphql's: prime to what else goes by the seed
LIMITS = Limits(1000, 10_000, 1000, 10_000, 100_000)

type Fact = tuple[tuple[Any, ...], str, Any, str]  # path, message, locations, cause
type Nulls = dict[tuple[Any, ...], list[Fact]]  # errors by the null that they explain


@dataclass(frozen=True)
class Case:
    seed: int
    actor: Actor
    text: str
    variables: dict[str, Any]

    @property
    def mutates(self) -> bool:
        return self.text.startswith("mutation")


@dataclass(frozen=True)
class Stand:
    """What one execution runs on, and what is known of it afterwards: what it called for, what it wrote."""

    context: RequestContext
    calls: Sequence[object]
    written: list[str]


class Ground(Protocol):
    """Where cases are run: each stand of a case begins with the same rows, ids and time."""

    mutations: float  # their share
    liked: frozenset[str]  # fields

    def rows(self, seed: int) -> Rows: ...

    def stand(self, case: Case) -> AbstractAsyncContextManager[Stand]: ...


class Trial:
    """Operations of some seeds, each by an actor; `differences` are described for people."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.tally: Counter[str] = Counter()
        self.differences: list[str] = []
        self.compiled, self.excerpting = (
            Engine(core, costs, LIMITS, 100_000, rare=rare, on_executed=self._ran) for rare in (sys.maxsize, 0)
        )
        self.reference = Engine(core, costs, LIMITS, 100_000, executor="reference")
        self._source = ""

    async def seed(self, seed: int) -> None:
        ground = self.ground
        generator = Generator(core, seed, ground.rows(seed), ground.mutations, ground.liked)
        foreign = seed % FOREIGN == FOREIGN - 1
        self._source = "of hypothesis-graphql" if foreign else "of ours"
        text, variables = hypothesized.operation(generator) if foreign else generator.operation()
        variables = orjson.loads(orjson.dumps(variables))
        try:
            operation = self._engine(seed).operation(text, None)
        except RequestError:
            self.tally["invalid, not run"] += 1
            self.tally[f"invalid, not run, {self._source}"] += 1
            return
        self.tally["operations"] += 1
        self.tally[f"operations {self._source}"] += 1
        name = "guest" if seed % 16 == 15 else SEEING[seed // 4 % len(SEEING)]
        others = {key: _other(value) for key, value in variables.items()}
        for given in [variables, others] if others != variables else [variables]:  # the same plans, other values
            if difference := await self._compare(Case(seed, ACTORS[name], text, given), operation):
                self.differences.append(f"seed {seed}, {name}: {difference}")

    def _engine(self, seed: int) -> Engine:
        return self.excerpting if seed % 2 else self.compiled

    def _ran(self, path: str) -> None:
        self.tally.update([path, f"{path}, {self._source}"])

    async def _run(self, engine: Engine, case: Case) -> tuple[ExecutionResult, Stand]:
        async with self.ground.stand(case) as stand:
            result = await engine.execute(engine.operation(case.text, None), case.variables, stand.context)
        self.tally["excerpts"] += engine is self.excerpting and _excerpted(result.data)
        return result, stand

    async def _compare(self, case: Case, operation: Operation) -> str | None:
        expected, theirs = await self._run(self.reference, case)
        found, ours = await self._run(self._engine(case.seed), case)
        self.tally["runs"] += 1
        story = f"{case.text}\n{case.variables}\n- {expected.formatted}\n+ {found.formatted}"
        if encode(expected.data) != encode(found.data):
            return f"data\n{story}"
        if ours.written != theirs.written:
            return f"writes {theirs.written} {ours.written}\n{story}"
        self.tally["with data"] += expected.data is not None
        self.tally["that write"] += bool(ours.written)
        if expected.errors or found.errors:
            self.tally["with errors"] += 1
            difference = await self._compare_errors(case, operation, expected, found)
            return difference and f"{difference}\n{story}"
        self.tally["fewer batches"] += len(ours.calls) < len(theirs.calls)
        self.tally["more batches"] += len(ours.calls) > len(theirs.calls)
        return None

    async def _compare_errors(
        self, case: Case, operation: Operation, expected: ExecutionResult, found: ExecutionResult
    ) -> str | None:
        """Where a null has moved up from a non-null field, GraphQL leaves it free which of several errors below it is
        reported (§6.4.4): then it must be one that the operation can meet, and all others must be equal."""
        ours, theirs = _by_null(found), _by_null(expected)
        self.tally["with a null that moved up"] += any(len(f[0]) > len(null) for null in theirs for f in theirs[null])
        if ours == theirs:
            self.tally["errors equal"] += 1
            return None
        if ours.keys() != theirs.keys():
            return f"other nulls explained: {ours.keys() ^ theirs.keys()}"
        root = core.get_root_type(operation.definition.operation)
        assert root
        climbs = climbing(core, operation.node, root)
        candidates = await self._candidates(case, operation)
        for null, errors in ours.items():
            if any(error not in candidates for error in errors):
                return f"no candidate at {null}: {errors}"
            if [e for e in errors if len(e[0]) <= len(null)] != [e for e in theirs[null] if len(e[0]) <= len(null)]:
                return f"errors of {null} itself: {errors}"
            if sum(climbs(error[0], null) for error in errors) > 1:
                return f"more than one error made the null at {null}: {errors}"
        self.tally["errors equal but for the choice among candidates"] += 1
        return None

    async def _candidates(self, case: Case, operation: Operation) -> list[Fact]:
        """Every error that the operation can meet: graphql-core's, with error propagation off."""
        off = DirectiveNode(name=NameNode(value=GraphQLDisableErrorPropagationDirective.name), arguments=())
        definitions = tuple(
            replace(d, directives=(*(d.directives or ()), off)) if isinstance(d, OperationDefinitionNode) else d
            for d in operation.node.definitions
        )
        document = replace(operation.node, definitions=definitions)
        async with self.ground.stand(case) as stand:
            result = execute(core, document, variable_values=case.variables, context_value=stand.context)
            return [_fact(error) for error in (await result if isawaitable(result) else result).errors or []]


def _excerpted(data: Any) -> bool:
    """Are there any among the nodes of a page? JSON of a field looks the same, but never stands in a list."""
    if isinstance(data, dict):
        return any(map(_excerpted, data.values()))
    return isinstance(data, list) and any(
        isinstance(item, Gapped | orjson.Fragment) or _excerpted(item) for item in data
    )


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return 1 if value > 1 else value + 2
    return value[::-1] if isinstance(value, list) else value


def _fact(error: GraphQLError) -> Fact:
    locations = [(place.line, place.column) for place in error.locations or []]
    return tuple(error.path or ()), error.message, locations, repr(error.original_error)


def _by_null(result: ExecutionResult) -> Nulls:
    groups: Nulls = {}
    data = orjson.loads(encode(result.data))
    for error in result.errors or []:
        fact = _fact(error)
        groups.setdefault(_null_above(data, fact[0]), []).append(fact)
    return {null: sorted(errors, key=str) for null, errors in groups.items()}


def _null_above(data: Any, path: tuple[Any, ...]) -> tuple[Any, ...]:
    for end, key in enumerate(path):
        try:
            data = data[key]
        except (TypeError, LookupError):  # null, or a path that is wrong
            return path[:end]
    return path
