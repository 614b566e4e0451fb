"""bulkUpdateFeatures: what comes of each item, all or none, who may do it, what it costs, and that it is done once."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from app.db import database
from app.domain.rate_limit.model import MAX_LIMIT, PointLimits
from app.engine.operation import Executor
from tests.fixtures.endpoint import world_with
from tests.fixtures.tokens import ask_with, planted_token
from tests.fixtures.world import Who, World
from tests.fixtures.writes import ERRORS, FIELDS, assert_sound, nothing_written, written

type Item = Mapping[str, object]

MANY = f"""mutation($input: BulkUpdateFeaturesInput!) {{ bulkUpdateFeatures(input: $input) {{
  results {{ feature {{ ...Fields }} userErrors {{ ...Errors }} clientMutationId }}
  userErrors {{ code path }} clientMutationId }} }} {FIELDS} {ERRORS}"""
SHORT = """mutation($input: BulkUpdateFeaturesInput!) { bulkUpdateFeatures(input: $input) {
  results { feature { name } userErrors { code } } userErrors { code path } } }"""
EXECUTORS: Sequence[Executor] = ("compiled", "reference")


async def many(world: World, items: Sequence[Item], who: Who = "user", query: str = MANY, **input: object) -> Any:
    """The payload."""
    return (await world.data(query, who, input={"items": items, **input}))["bulkUpdateFeatures"]


def said(payload: Any) -> list[object]:
    """Of each item the feature's status and version, or the codes of its errors."""
    return [
        f"{found['feature']['status']} {found['feature']['version']}"
        if found["feature"]
        else [error["code"] for error in found["userErrors"]]
        for found in payload["results"]
    ]


def new(name: str, **more: object) -> Item:
    return {"create": {"name": name, **more}}


def act(name: str, feature: Any, version: int | None = None) -> Item:
    return {name: {"id": feature["id"], "expectedVersion": version}}


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_each_item_has_its_own_outcome_and_its_place_in_the_path(world: World, executor: Executor) -> None:
    async with world_with(world, executor=executor) as asked:
        mine, theirs = await asked.create("mine"), await asked.create("theirs", "other")
        items = [
            new("a", description="d", metadata={"tags": ["x"]}, clientMutationId="first"),
            new("a"),
            {"update": {"id": mine["id"], "expectedVersion": 1, "name": "ours", "description": None}},
            {"update": {"id": mine["id"], "expectedVersion": 1, "name": "late"}},
            act("archive", theirs),
            new("", description="x" * 2001),
            act("archive", mine, 2),
            act("deactivate", mine),
            act("delete", mine, 3),
            act("restore", mine),
            new("for another", ownerId=asked.id_of("other")),
        ]
        payload = await many(asked, items, clientMutationId="all")
        assert said(payload) == [
            "ACTIVE 1",
            ["DUPLICATE_NAME"],
            "ACTIVE 2",
            ["STALE_VERSION"],
            ["NOT_FOUND"],
            ["VALIDATION_ERROR", "VALIDATION_ERROR"],
            "ARCHIVED 3",
            ["INVALID_TRANSITION"],
            "DELETED 4",
            "ARCHIVED 5",
            ["FORBIDDEN"],
        ]
        places = [["items", "1", "create", "name"], ["items", "3", "update", "expectedVersion"]]
        places += [["items", "4", "archive", "id"], ["items", "5", "create", "name"]]
        places += [["items", "5", "create", "description"], ["items", "7", "deactivate"], ["items", "10", "create"]]
        assert [error["path"] for error in payload["userErrors"]] == [["input", *place] for place in places]
        of_items = [error for result in payload["results"] for error in result["userErrors"]]
        assert [error["path"] for error in of_items] == [error["path"] for error in payload["userErrors"]]
        assert [error["__typename"] for error in of_items if error["code"] == "FORBIDDEN"] == ["ItemRefusedError"]
        stale = next(error for error in of_items if error["code"] == "STALE_VERSION")
        assert (stale["currentVersion"], stale["current"]["name"]) == (2, "ours")
        assert [result["clientMutationId"] for result in payload["results"]][:2] == ["first", None]
        assert payload["clientMutationId"] == "all"
        first = payload["results"][0]["feature"]
        assert (first["description"], first["tags"], first["owner"]["id"]) == ("d", ["x"], asked.id_of("user"))
        await assert_sound(asked.owner)


async def test_the_compiled_engine_runs_it_itself(world: World) -> None:
    await many(world, [new("a")])
    executed = (await world.client.get("/metrics")).text
    assert 'graphql_executor_total{path="compiled"} 1.0' in executed
    assert 'graphql_executor_total{path="reference"} 0.0' in executed


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_all_or_none_undoes_all_and_names_the_culprit(world: World, executor: Executor) -> None:
    async with world_with(world, executor=executor) as asked:
        feature = await asked.create("a")
        items = [new("b"), act("archive", feature, 7), new("c")]
        async with nothing_written(asked):
            payload = await many(asked, items, atomic=True)
        assert said(payload) == [["UNDONE"], ["STALE_VERSION"], ["UNDONE"]]
        paths = [["items", "0", "create"], ["items", "1", "archive", "expectedVersion"], ["items", "2", "create"]]
        assert [error["path"] for error in payload["userErrors"]] == [["input", *path] for path in paths]
        assert "item 1 was refused" in payload["results"][0]["userErrors"][0]["message"]
        payload = await many(asked, [new("b"), act("archive", feature, 1)], atomic=True)
        assert (said(payload), payload["userErrors"]) == (["ACTIVE 1", "ARCHIVED 2"], [])
        await assert_sound(asked.owner)


@pytest.mark.parametrize(("count", "issue", "limit"), [(0, "MIN_LENGTH", 1), (1001, "MAX_LENGTH", 1000)])
async def test_none_and_more_than_a_thousand_are_refused(world: World, count: int, issue: str, limit: int) -> None:
    query = """mutation($input: BulkUpdateFeaturesInput!) { bulkUpdateFeatures(input: $input) {
      results { clientMutationId } userErrors { path ... on ValidationError { issue limit } } } }"""
    async with nothing_written(world):
        payload = await many(world, [new(f"n{n}") for n in range(count)], query=query)
    assert payload == {"results": [], "userErrors": [{"path": ["input", "items"], "issue": issue, "limit": limit}]}


async def test_a_thousand_with_what_one_wants_to_know_of_each_are_within_the_limits_that_are_set_from_the_start(
    world: World,
) -> None:
    async with world_with(world, active_feature_limit=1000) as asked:
        query = """mutation($input: BulkUpdateFeaturesInput!) { bulkUpdateFeatures(input: $input) { results {
          feature { id name version owner { name } } userErrors { code path message } } } }"""
        payload = await many(asked, [new(f"n{n}") for n in range(1000)], query=query)
        assert [result["feature"]["name"] for result in payload["results"]] == [f"n{n}" for n in range(1000)]
        await assert_sound(asked.owner)


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"create": None},
        {"create": {"name": "a"}, "archive": {"id": "x"}},
        {"explode": {}},
        {"create": {}},
        "x",
        None,
    ],
)
@pytest.mark.parametrize("executor", EXECUTORS)
async def test_what_is_no_item_is_refused_as_a_whole(world: World, executor: Executor, item: object) -> None:
    async with world_with(world, executor=executor) as asked, nothing_written(asked):
        answer = await asked.ask(SHORT, input={"items": [new("a"), item], "atomic": False})
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}


async def test_id_that_is_none_of_a_feature_is_refused_as_a_whole_with_its_place(world: World) -> None:
    async with nothing_written(world):
        for id in ("nonsense", world.id_of("user")):
            answer = await world.ask(SHORT, input={"items": [new("a"), {"archive": {"id": id}}]})
            [error] = answer["errors"]
            assert (error["path"], error["extensions"]["code"]) == (["bulkUpdateFeatures"], "BAD_USER_INPUT")
            assert error["extensions"]["argumentPath"] == ["input", "items", "1", "archive", "id"]


# Who may


@pytest.mark.parametrize(
    ("who", "outcomes"),
    [
        ("user", ["ACTIVE 1", "ARCHIVED 2", ["FORBIDDEN"]]),
        ("other", ["ACTIVE 1", ["NOT_FOUND"], ["FORBIDDEN"]]),
        ("manager", ["ACTIVE 1", "ARCHIVED 2", ["FORBIDDEN"]]),
        ("admin", ["ACTIVE 1", "ARCHIVED 2", "ACTIVE 1"]),
    ],
)
async def test_everybody_may_do_in_an_item_what_they_may_do_alone(
    world: World, who: Who, outcomes: list[object]
) -> None:
    feature = await world.create("the user's")
    items = [new("own"), act("archive", feature), new("viewer's", ownerId=world.id_of("viewer"))]
    assert said(await many(world, items, who)) == outcomes
    await assert_sound(world.owner)


@pytest.mark.parametrize(("who", "code"), [("guest", "UNAUTHENTICATED"), ("viewer", "FORBIDDEN")])
async def test_who_may_change_nothing_is_refused_as_a_whole(world: World, who: Who, code: str) -> None:
    async with nothing_written(world):
        answer = await world.ask(SHORT, who, input={"items": [new("a")]})
    assert answer["data"] is None
    assert [error["extensions"]["code"] for error in answer["errors"]] == [code]


async def test_token_does_in_an_item_what_its_scopes_allow(world: World) -> None:
    feature = await world.create("a")
    secret = await planted_token(world, "user", "features:read", "features:archive")
    items = [new("b"), act("archive", feature), act("delete", feature)]
    answer = await ask_with(world, secret, MANY, input={"items": items})
    assert said(answer["data"]["bulkUpdateFeatures"]) == [["FORBIDDEN"], "ARCHIVED 2", ["FORBIDDEN"]]
    reads = await planted_token(world, "user", "features:read", "audit:read", "features:revert")
    async with nothing_written(world):
        answer = await ask_with(world, reads, MANY, input={"items": items})
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]


@pytest.mark.parametrize("atomic", [False, True])
async def test_refused_permissions_are_security_events_once_for_each_kind(world: World, atomic: bool) -> None:
    theirs = [await world.create(f"f{n}", "manager") for n in range(3)]
    await many(world, [act("archive", feature) for feature in theirs], atomic=atomic)
    await world.wiring.security_events.flush()
    kept = await world.owner.fetch("SELECT kind, actor_id, subject, facts ->> 'code' FROM security_events")
    assert [tuple(row) for row in kept] == [("PERMISSION_DENIED", world.users["user"], "features:archive", "NOT_FOUND")]


# What it costs


async def cost_of(world: World, items: object, query: str = SHORT) -> Any:
    answer = await world.post(
        {"query": query, "variables": {"input": {"items": items}}}, "user", **{"x-graphql-cost": "1"}
    )
    return answer.json()["extensions"]["cost"]


async def test_each_item_costs_its_points_whatever_is_selected(world: World) -> None:
    nothing = "mutation($input: BulkUpdateFeaturesInput!) { bulkUpdateFeatures(input: $input) { clientMutationId } }"
    assert (await cost_of(world, [new(f"a{n}") for n in range(3)], nothing))["requested"] == 1 + 3 * 5
    told = await cost_of(world, [new(f"b{n}") for n in range(3)])
    assert told["requested"] == 1 + 3 * (5 + 2)
    assert {path["path"]: path["cost"] for path in told["breakdown"]} == {
        "bulkUpdateFeatures": 15,
        "bulkUpdateFeatures.results.feature": 3,
        "bulkUpdateFeatures.results.userErrors": 3,
    }
    assert (await cost_of(world, new("alone")))["requested"] == 1 + 5 + 2  # a value stands for a list of one


async def test_dear_bulk_is_not_run(world: World) -> None:
    query = """mutation($input: BulkUpdateFeaturesInput!) { bulkUpdateFeatures(input: $input) {
      results { feature { auditEntries(first: 100) { nodes { id } } } } } }"""
    async with nothing_written(world):
        answer = await world.ask(query, input={"items": [new(f"n{n}") for n in range(100)]})
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["QUERY_TOO_COMPLEX"]
    assert answer["errors"][0]["extensions"]["cost"] == 1 + 100 * (5 + 1 + 1 + 100)


DEEP = """mutation($input: BulkUpdateFeaturesInput!) { bulkUpdateFeatures(input: $input) {
  results { feature { ...Deep } userErrors { ...Stale } } userErrors { ...Stale } } }
  fragment Stale on UserError { code
    ... on StaleVersionError { current { ...Deep } } ... on DuplicateNameError { existingId } }
  fragment Deep on Feature { name owner { name features(first: 3) { totalCount nodes { owner { name } } } }
    auditEntries(first: 4) { totalCount nodes { actor { email } feature { name } } } }"""


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("atomic", [False, True])
async def test_it_loads_no_more_than_it_is_charged(
    world: World, monkeypatch: pytest.MonkeyPatch, executor: Executor, atomic: bool
) -> None:
    """Every row that PostgreSQL gives, of whatever statement: locks, writes and reads."""
    async with world_with(world, executor=executor) as asked:
        asked.wiring._points = PointLimits(MAX_LIMIT, MAX_LIMIT)
        owners: list[Who] = ["user", "manager", "other"] * 4
        features = [await asked.create(f"f{n}", who) for n, who in enumerate(owners)]
        for feature in features:
            for version, mutation in enumerate(("deactivateFeature", "activateFeature", "archiveFeature"), 1):
                await written(asked, mutation, "admin", id=feature["id"], expectedVersion=version)
        rows = 0

        async def counted(fetch: Any, *given: Any, **binds: Any) -> Any:
            nonlocal rows
            found = await fetch(*given, **binds)
            rows += len(found)
            return found

        run = database._run
        monkeypatch.setattr(database, "_run", lambda *given: counted(run, *given))
        items: list[Item] = [act("activate", feature, 4 if atomic else 3 + n % 2) for n, feature in enumerate(features)]
        items += [] if atomic else [new("f0"), new("f1", ownerId=asked.id_of("manager")), new("g")]
        answer = await asked.post(
            {"query": DEEP, "variables": {"input": {"items": items, "atomic": atomic}}},
            "admin",
            **{"x-graphql-cost": "1"},
        )
        body = answer.json()
        assert "errors" not in body
        codes = {error["code"] for error in body["data"]["bulkUpdateFeatures"]["userErrors"]}
        assert codes == (set() if atomic else {"STALE_VERSION", "DUPLICATE_NAME"})
        assert rows <= body["extensions"]["cost"]["requested"]
        assert rows > len(items) * 3


# Once


async def keyed(world: World, items: Sequence[Item], **input: object) -> Any:
    variables = {"input": {"items": items, **input}}
    return await world.post({"query": SHORT, "variables": variables}, "user", **{"idempotency-key": "k"})


async def test_what_was_done_in_parts_is_kept_with_what_was_refused(world: World) -> None:
    items = [new("a"), new(""), new("b"), new("a")]
    first = await keyed(world, items)
    assert [bool(found["feature"]) for found in first.json()["data"]["bulkUpdateFeatures"]["results"]] == [
        *(True, False, True, False)
    ]
    async with nothing_written(world):
        again = await keyed(world, items)
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    await assert_sound(world.owner)


@pytest.mark.parametrize("atomic", [False, True])
async def test_what_was_refused_altogether_runs_anew(world: World, atomic: bool) -> None:
    taken = await world.create("a")
    async with nothing_written(world):
        assert "idempotency-replayed" not in (await keyed(world, [new("a")], atomic=atomic)).headers
    await written(world, "deleteFeature", id=taken["id"])
    again = await keyed(world, [new("a")], atomic=atomic)
    assert again.json()["data"]["bulkUpdateFeatures"]["userErrors"] == []
    assert "idempotency-replayed" not in again.headers
