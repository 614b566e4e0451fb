"""Both executors on the same operation, world and actor: equal bytes of data, equal errors, equal writes."""

from collections import Counter
from dataclasses import dataclass, field, replace
from inspect import isawaitable
from typing import Any

import orjson
from graphql import DirectiveNode, ExecutionResult, GraphQLError, NameNode, OperationDefinitionNode, execute
from graphql.type.directives import GraphQLDisableErrorPropagationDirective

from app.engine.limits import Limits
from app.engine.operation import Engine, Operation, RequestError
from app.kernel.actor import GUEST, Actor
from app.resolvers.root import core, costs
from tests.differential.data import ADMIN, USER, VIEWER, World
from tests.differential.generate import Generator
from tests.differential.ports import context_of

ACTORS = {
    "guest": GUEST,
    "viewer": Actor(VIEWER, "VIEWER"),
    "user": Actor(USER, "USER"),
    "admin": Actor(ADMIN, "ADMIN"),
}
SEEING = ("admin", "admin", "viewer", "user")  # who is asked mostly: a guest's answers are short
DAMAGE = (0.0, 0.01, 0.03, 0.1)
LIMITS = Limits(1000, 10_000, 1000, 10_000, 100_000)

type Fact = tuple[tuple[Any, ...], str, Any, str]  # path, message, locations, cause
type Nulls = dict[tuple[Any, ...], list[Fact]]  # errors by the null that they explain


@dataclass
class Trial:
    """Operations of consecutive seeds, each by an actor; `differences` are described for people."""

    tally: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.compiled = Engine(core, costs, LIMITS, 100_000, "compiled", lambda path: self.tally.update([path]))
        self.reference = Engine(core, costs, LIMITS, 100_000, "reference")

    async def seed(self, seed: int) -> None:
        damage = DAMAGE[seed % len(DAMAGE)]
        text, variables = Generator(core, seed, World(seed, damage)).operation()
        variables = orjson.loads(orjson.dumps(variables))
        try:
            operation = self.compiled.operation(text, None)
        except RequestError:
            self.tally["invalid, not run"] += 1
            return
        self.tally["operations"] += 1
        name = "guest" if seed % 16 == 15 else SEEING[seed // len(DAMAGE) % len(SEEING)]
        flipped = {key: not value if isinstance(value, bool) else value for key, value in variables.items()}
        for given in [variables, flipped] if flipped != variables else [variables]:  # the same plans, other conditions
            if difference := await self._compare(Case(seed, damage, ACTORS[name], text, given), operation):
                self.differences.append(f"seed {seed}, {name}: {difference}")

    async def _compare(self, case: "Case", operation: Operation) -> str | None:
        ours, theirs = case.world(), case.world()
        expected = await self.reference.execute(
            self.reference.operation(case.text, None), case.variables, context_of(theirs, case.actor)
        )
        found = await self.compiled.execute(operation, case.variables, context_of(ours, case.actor))
        self.tally["runs"] += 1
        story = f"{case.text}\n{case.variables}\n- {expected.formatted}\n+ {found.formatted}"
        if orjson.dumps(expected.data) != orjson.dumps(found.data):
            return f"data\n{story}"
        if ours.written != theirs.written:
            return f"writes {theirs.written} {ours.written}\n{story}"
        self.tally["with data that is not empty"] += bool(expected.data)
        self.tally["that write"] += bool(ours.written)
        if expected.errors or found.errors:
            self.tally["with errors"] += 1
            difference = await self._compare_errors(case, operation, expected, found)
            return difference and f"{difference}\n{story}"
        self.tally["fewer batches"] += len(ours.calls) < len(theirs.calls)
        self.tally["more batches"] += len(ours.calls) > len(theirs.calls)
        return None

    async def _compare_errors(
        self, case: "Case", operation: Operation, expected: ExecutionResult, found: ExecutionResult
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
        candidates = await _candidates(case, operation)
        for null, errors in ours.items():
            if any(error not in candidates for error in errors):
                return f"no candidate at {null}: {errors}"
            if [e for e in errors if len(e[0]) <= len(null)] != [e for e in theirs[null] if len(e[0]) <= len(null)]:
                return f"errors of {null} itself: {errors}"
            if len(errors) != len({error[0] for error in errors}):
                return f"the same error twice at {null}: {errors}"
        self.tally["errors equal but for the choice among candidates"] += 1
        return None


@dataclass(frozen=True)
class Case:
    seed: int
    damage: float
    actor: Actor
    text: str
    variables: dict[str, Any]

    def world(self) -> World:
        return World(self.seed, self.damage)


async def _candidates(case: Case, operation: Operation) -> list[Fact]:
    """Every error that the operation can meet: graphql-core's, with error propagation off."""
    off = DirectiveNode(name=NameNode(value=GraphQLDisableErrorPropagationDirective.name), arguments=())
    definitions = tuple(
        replace(d, directives=(*(d.directives or ()), off)) if isinstance(d, OperationDefinitionNode) else d
        for d in operation.node.definitions
    )
    document = replace(operation.node, definitions=definitions)
    context = context_of(case.world(), case.actor)
    result = execute(core, document, variable_values=case.variables, context_value=context)
    return [_fact(error) for error in (await result if isawaitable(result) else result).errors or []]


def _fact(error: GraphQLError) -> Fact:
    locations = [(place.line, place.column) for place in error.locations or []]
    return tuple(error.path or ()), error.message, locations, repr(error.original_error)


def _by_null(result: ExecutionResult) -> Nulls:
    groups: Nulls = {}
    for error in result.errors or []:
        fact = _fact(error)
        groups.setdefault(_null_above(result.data, fact[0]), []).append(fact)
    return {null: sorted(errors, key=str) for null, errors in groups.items()}


def _null_above(data: Any, path: tuple[Any, ...]) -> tuple[Any, ...]:
    for end, key in enumerate(path):
        if data is None:
            return path[:end]
        data = data[key]
    return path
