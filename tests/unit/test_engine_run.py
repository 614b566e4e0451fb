"""A plan's run, on a small schema: nulls climb as far as they must, errors are told once, loads go together."""

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

import pytest
import strawberry

from app.engine.batch import Batch, BatchFor
from app.engine.declare import Describes
from app.engine.limits import Limits
from app.engine.operation import Engine, Executor
from app.engine.plans import MAX_PLANS
from app.engine.weights import read_costs
from app.schema.words import root_field


@dataclass(slots=True)
class Thing:
    name: object = "thing"
    tags: object = ()
    must: "list[object]" = field(default_factory=list)  # things
    may: "list[object]" = field(default_factory=list)
    key: int | None = None


@dataclass
class Request:
    things: dict[int, object] = field(default_factory=dict)
    memo: dict[object, object] = field(default_factory=dict)
    around: None = None
    calls: list[object] = field(default_factory=list)
    together: asyncio.Barrier | None = None

    async def linked(self, keys: Sequence[int]) -> list[Any]:
        self.calls.append(sorted(keys))
        return [self.things.get(key) for key in keys]

    async def failing(self, keys: Sequence[int], request: Hashable) -> list[Any]:
        self.calls.append(request)
        if self.together:
            await asyncio.wait_for(self.together.wait(), 5)
        raise ConnectionError(f"lost {request}")


linked: Batch[int, Thing] = Batch(lambda context: context.linked)
failing: BatchFor[int, int, Thing] = BatchFor(lambda context: context.failing)
thing = Describes(Thing)


def page(n: int = 1) -> int:
    return n


@thing.type
class Node:
    """A thing."""

    name: str = thing.value("Never null.")
    tags: list[str] | None = thing.value("Strings.")
    must: list["Node"] = thing.value("Items that are not null.")
    may: list[Optional["Node"]] | None = thing.value("Items that may be null.")
    link: Optional["Node"] = thing.edge(linked, key=lambda t: t.key, description="Loaded.")
    firm: "Node" = thing.edge(linked, key=lambda t: t.key, description="Loaded, and never null.")
    lost: Optional["Node"] = thing.edge(failing, key=lambda t: t.key, arguments=page, description="Fails.")


@strawberry.type
class Query:
    @root_field(Node | None, "The first thing.")
    async def thing(self, info: strawberry.Info[Request, None]) -> object:
        return info.context.things[0]


schema = strawberry.Schema(Query)
core = schema._schema
engine = Engine(core, read_costs(schema.as_str()), Limits(), 3000)


async def run(selected: str, request: Request, **variables: Any) -> tuple[Any, list[tuple[Any, str]]]:
    """(the thing, (path below it, message) of each error)."""
    ran: list[str] = []
    engine._on_executed = ran.append
    head = f"({', '.join(f'${name}: Boolean!' for name in variables)})" if variables else ""
    operation = engine.operation(f"query Q{head} {{ thing {selected} }}", None)
    result = await engine.execute(operation, variables, request)
    assert ran == ["compiled"]
    assert result.data is not None
    return result.data["thing"], [(error.path and error.path[1:], error.message) for error in result.errors or []]


NULL = "Cannot return null for non-nullable field Node.%s."


@pytest.mark.parametrize(
    ("found", "selected", "data", "errors"),
    [
        (Thing(None), "{ name }", None, [(["name"], NULL % "name")]),
        (Thing(must=[Thing("a"), Thing(None)]), "{ must { name } }", None, [(["must", 1, "name"], NULL % "name")]),
        (Thing(must=[Thing("a"), None]), "{ must { name } }", None, [(["must", 1], NULL % "must")]),
        (
            Thing(may=[Thing("a"), Thing(None), None]),
            "{ may { name } }",
            {"may": [{"name": "a"}, None, None]},
            [(["may", 1, "name"], NULL % "name")],
        ),
        (
            Thing(may=[Thing(may=[Thing(must=[Thing(), Thing(None)])])]),
            "{ name may { may { must { name } } } }",
            {"name": "thing", "may": [{"may": [None]}]},
            [(["may", 0, "may", 0, "must", 1, "name"], NULL % "name")],
        ),
        (
            Thing(must=[Thing(may=[Thing("a"), Thing(None)]), Thing(may=[None, Thing(None)])]),
            "{ must { may { name } } }",
            {"must": [{"may": [{"name": "a"}, None]}, {"may": [None, None]}]},
            [(["must", 0, "may", 1, "name"], NULL % "name"), (["must", 1, "may", 1, "name"], NULL % "name")],
        ),
        (Thing(tags=["a", None]), "{ name tags }", {"name": "thing", "tags": None}, [(["tags", 1], NULL % "tags")]),
        (
            Thing(tags=7),
            "{ tags name }",
            {"tags": None, "name": "thing"},
            [(["tags"], "Expected Iterable, but did not find one for field 'Node.tags'.")],
        ),
        (
            Thing(may=["stranger", ValueError("broken")]),
            "{ may { name } }",
            {"may": [None, None]},
            [(["may", 0], "Expected value of type 'Node' but got: 'stranger'."), (["may", 1], "broken")],
        ),
        (Thing(None, must=[Thing(None)]), "{ name must { name } }", None, [(["name"], NULL % "name")]),
        (Thing(key=5), "{ link { name } }", {"link": None}, []),
        (Thing(key=5), "{ firm { name } }", None, [(["firm"], NULL % "firm")]),
        (
            Thing(may=[Thing("a", key=1), Thing("b", key=2)]),
            "{ may { name link { name } } }",
            {"may": [{"name": "a", "link": {"name": "one"}}, {"name": "b", "link": None}]},
            [(["may", 1, "link"], "gone wrong")],
        ),
        (
            Thing(may=[Thing("a", key=1), Thing("b", key=2)]),
            "{ may { name firm { name } } }",
            {"may": [{"name": "a", "firm": {"name": "one"}}, None]},
            [(["may", 1, "firm"], "gone wrong")],
        ),
    ],
)  # fmt: skip
async def test_a_null_climbs_to_where_it_may_stand(found: Thing, selected: str, data: Any, errors: Any) -> None:
    request = Request({0: found, 1: Thing("one"), 2: ValueError("gone wrong")})
    assert await run(selected, request) == (data, errors)


async def test_an_error_below_a_null_is_not_told() -> None:
    found = Thing(may=[Thing(None, key=1, must=[Thing(None)])])
    selected = "{ may { name must { name } firm { name must { name } } lost { name } } }"

    answer = await run(selected, Request({0: found, 1: Thing(must=[Thing(None)])}))

    assert answer == ({"may": [None]}, [(["may", 0, "name"], NULL % "name")])


async def test_an_exception_that_is_remembered_is_an_error_again() -> None:
    """The second level asks for a key that failed in the first."""
    found = Thing(key=2, may=[Thing(key=1)])
    request = Request({0: found, 1: Thing("one", key=2), 2: ValueError("gone wrong")})

    answer = await run("{ link { name } may { link { name link { name } } } }", request)

    expected = {"link": None, "may": [{"link": {"name": "one", "link": None}}]}
    assert answer == (expected, [(["link"], "gone wrong"), (["may", 0, "link", "link"], "gone wrong")])
    assert request.calls == [[1, 2]]


async def test_the_loads_of_a_level_run_together_and_fail_apart() -> None:
    request = Request({0: Thing(key=1), 1: Thing("one")}, together=asyncio.Barrier(2))

    answer = await run("{ a: lost { name } link { name } b: lost(n: 2) { name } c: lost(n: 1) { name } }", request)

    errors = [(["a"], "lost 1"), (["b"], "lost 2"), (["c"], "lost 1")]
    assert answer == ({"a": None, "link": {"name": "one"}, "b": None, "c": None}, errors)
    assert request.calls == [1, [1], 2]


async def test_what_is_below_an_edge_of_known_keys_does_not_wait() -> None:
    """`lost` below a link that is known is loaded together with `lost` of the level above."""
    found = Thing(key=1, must=[Thing(key=2)])
    request = Request({0: found, 1: Thing("one", key=2), 2: Thing("two", key=3)}, together=asyncio.Barrier(2))

    data, errors = await run("{ link { link { lost { name } } } must { link { lost(n: 2) { name } } } }", request)

    assert data == {"link": {"link": {"lost": None}}, "must": [{"link": {"lost": None}}]}
    assert sorted(errors) == [(["link", "link", "lost"], "lost 1"), (["must", 0, "link", "lost"], "lost 2")]
    assert request.calls == [[1, 2], 2, 1]


async def test_conditions_have_a_plan_each_and_no_more_than_so_many() -> None:
    request = Request({0: Thing(tags=["t"])})
    names = "abcde"
    selected = "{ name " + " ".join(f"{name}: tags @include(if: ${name})" for name in names) + " }"
    head = f"query({', '.join(f'${name}: Boolean!' for name in names)})"
    operation = engine.operation(f"{head} {{ thing {selected} }}", None)
    ran: list[str] = []
    engine._on_executed = ran.append
    for number in range(32):
        given = {name: bool(number >> place & 1) for place, name in enumerate(names)}
        for _ in range(2):
            result = await engine.execute(operation, given, request)
            kept = {name: ["t"] for name in names if given[name]}
            assert result.data == {"thing": {"name": "thing", **kept}}
    assert ran == ["compiled"] * 2 * MAX_PLANS + ["reference"] * 2 * (32 - MAX_PLANS)


async def test_a_resolver_is_told_the_same_either_way() -> None:
    told: list[object] = []

    @strawberry.type
    class Asking:
        @root_field(Node | None, "The first thing.")
        async def thing(self, info: strawberry.Info[Request, None], n: int) -> object:
            operation, selected = info.operation.name, [getattr(field, "name", None) for field in info.selected_fields]
            told.append((info.field_name, info.python_name, info.path.as_list(), selected, info.variable_values, n))
            told.append((operation and operation.value, info.return_type, info.root_value, info.schema is asking))
            return info.context.things[0]

    asking = strawberry.Schema(Asking)
    ran: list[str] = []
    ways: tuple[Executor, Executor] = ("compiled", "reference")
    for executor in ways:
        own = Engine(asking._schema, read_costs(asking.as_str()), Limits(), 3000, executor=executor)
        own._on_executed = ran.append
        operation = own.operation("query Ask($n: Int!) { it: thing(n: $n) { name } }", None)
        assert (await own.execute(operation, {"n": 3}, Request({0: Thing()}))).data == {"it": {"name": "thing"}}

    assert ran == [*ways]
    assert told[:2] == told[2:]
    assert told[0] == ("thing", "thing", ["it"], ["thing"], {"n": 3}, 3)


@pytest.mark.parametrize(
    ("selected", "loads"),
    [
        ("{ may { name link { name } } }", [[2]]),
        ("{ may { link { name } name } }", [[1, 2]]),
        ("{ may { a: link { name } name b: firm { name } } }", [[1, 2]]),
    ],
)
async def test_row_that_fell_is_not_followed_further(selected: str, loads: object) -> None:
    """Behind a field that nulls its object graphql-core asks for nothing more; a load is of no more keys than there."""
    found = Thing(may=[Thing(None, key=1), Thing("b", key=2)])
    request = Request({0: found, 1: Thing("one"), 2: Thing("two")})

    data, errors = await run(selected, request)

    assert request.calls == loads
    assert errors == [(["may", 0, "name"], NULL % "name")]
    assert data["may"][0] is None and data["may"][1]["name"] == "b"
