"""Both executors answer alike; the compiled one needs no more batches, and does not run what it cannot."""

from typing import Any

import orjson
import pytest

from app.engine.operation import Engine
from app.kernel.ids import global_id
from app.resolvers.root import core, costs
from tests.differential.compare import ACTORS, LIMITS, Trial
from tests.differential.data import World
from tests.differential.memory import Memory
from tests.differential.ports import context_of
from tests.differential.postgres import opened
from tests.fixtures.servers import Servers

# graphql-core does not await the siblings of a field that failed at once; where the collector finds them while a named
# tuple is made, whose code has no builtins, Python cannot even warn of it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in.*GraphQLCoreConverter:pytest.PytestUnraisableExceptionWarning"
    ),
]
OPERATIONS = 320
IN_DATABASE = 200


async def test_random_operations_have_equal_answers() -> None:
    trial = Trial(Memory())
    for seed in range(OPERATIONS):
        await trial.seed(seed)

    assert trial.differences == []
    assert trial.tally["more batches"] == 0
    assert trial.tally["compiled"] > OPERATIONS
    assert trial.tally["with a null that moved up"] > OPERATIONS / 10
    assert trial.tally["that write"] > 5


async def test_random_operations_have_equal_answers_and_writes_on_postgresql(
    servers: Servers, database_name: str
) -> None:
    async with opened(servers, database_name) as postgres:
        trial = Trial(postgres)
        for seed in range(IN_DATABASE):
            await trial.seed(seed)

    assert trial.differences == []
    assert trial.tally["compiled"] > IN_DATABASE
    assert trial.tally["with errors"] > IN_DATABASE / 10
    assert trial.tally["that write"] > 5


ROWS = {
    "owner and trail": (
        """query($n: Int) { features(first: $n) { nodes { owner { name } auditEntries(first: 2) {
           totalCount nodes { actor { name } feature { owner { email } } } } } } }""",
        ["feature page", "users", "entry pages", "users", "features", "entry counts"],
    ),
    "users' features": (
        "query($n: Int) { users(first: $n) { edges { node { features(first: 3) { totalCount nodes { name } } } } } }",
        ["user page", "feature pages", "feature counts"],
    ),
    "the trail": (
        "query($n: Int) { auditEntries(first: $n) { totalCount nodes { actor { name } feature { name } } } }",
        ["entry page", "users", "features", "entry counts"],
    ),
}


async def answer(executor: Any, text: str, world: World, variables: dict[str, Any]) -> Any:
    engine = Engine(core, costs, LIMITS, 10_000, executor=executor)
    result = await engine.execute(engine.operation(text, None), variables, context_of(world, ACTORS["admin"]))
    assert result.errors is None
    return orjson.loads(orjson.dumps(result.data))


@pytest.mark.parametrize("name", ROWS)
async def test_batches_do_not_grow_with_rows_nor_beyond_the_reference(name: str) -> None:
    text, most = ROWS[name]
    for number in (1, 50):
        calls = {}
        for executor in ("compiled", "reference"):
            world = World(0, 0)
            await answer(executor, text, world, {"n": number})
            calls[executor] = [called for called, _ in world.calls]
        assert len(calls["compiled"]) <= len(calls["reference"])
        assert sorted(calls["compiled"]) == sorted(calls["reference"])
        assert set(calls["compiled"]) <= set(most)
        assert len(calls["compiled"]) <= len(most)


async def test_what_was_loaded_before_a_write_is_not_given_out_after_it() -> None:
    world = World(0, 0)
    feature = next(row for row in world.features.values() if row.status == "ACTIVE")
    act = "{ feature { status auditEntries(first: 100) { totalCount nodes { action feature { status } } } } }"
    text = f"mutation($i: DeactivateFeatureInput!, $a: ArchiveFeatureInput!) {{ a: deactivateFeature(input: $i) {act} "
    text += f"b: archiveFeature(input: $a) {act} }}"
    input = {"id": global_id("Feature", feature.id)}

    found = await answer("compiled", text, world, {"i": input, "a": input})

    counts = []
    for key, status in (("a", "INACTIVE"), ("b", "ARCHIVED")):
        entries = found[key]["feature"]["auditEntries"]
        assert {found[key]["feature"]["status"], *(e["feature"]["status"] for e in entries["nodes"])} == {status}
        counts.append(entries["totalCount"])
    assert counts[1] == counts[0] + 1


@pytest.mark.parametrize("executor", ["compiled", "reference"])
async def test_nothing_is_written_once_the_answer_is_null(executor: Any) -> None:
    world = World(0, 0)
    world.failing["for update"] = "a"
    feature = global_id("Feature", next(iter(world.features)))
    text = f'mutation {{ a: deleteFeature(input: {{id: "{feature}"}}) {{ clientMutationId }} '
    text += 'b: createFeature(input: {name: "later"}) { clientMutationId } }'
    engine = Engine(core, costs, LIMITS, 10_000, executor=executor)

    result = await engine.execute(engine.operation(text, None), {}, context_of(world, ACTORS["admin"]))

    assert result.data is None
    assert [error.path for error in result.errors or []] == [["a"]]
    assert world.written == []


async def test_introspection_is_run_whole_by_graphql_core() -> None:
    ran: list[str] = []
    engine = Engine(core, costs, LIMITS, 10_000, on_executed=ran.append)
    text = "{ __schema { queryType { name } } viewer { name } }"
    result = await engine.execute(engine.operation(text, None), {}, context_of(World(0, 0), ACTORS["admin"]))

    assert result.data is not None
    assert result.data["viewer"] == {"name": "user 0"}
    assert ran == ["reference"]
