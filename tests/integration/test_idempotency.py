"""Idempotency-Key (R9): a write is done once for a key, and its answer stands with it in one transaction."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import func, literal_column, select

from app.db.statement import Statement
from app.db.tables import features
from app.domain.idempotency.model import KeptAnswer
from app.domain.idempotency.rules import keyed_request
from app.kernel.actor import Actor
from app.kernel.errors import Unavailable
from tests.fixtures.endpoint import world_with
from tests.fixtures.rest import PLENTY, V1, V2, call, made, refusal
from tests.fixtures.waiting import eventually
from tests.fixtures.world import CREATE, Who, World

RENAME = """mutation($id: ID!, $name: String) { updateFeature(input: {id: $id, expectedVersion: 1, name: $name}) {
  feature { name version owner { name } auditEntries(first: 5) { totalCount } } userErrors { code } } }"""
DONE = "Idempotency-Replayed"


async def created(world: World, name: str, key: str | None = "k1", who: Who = "user", query: str = CREATE) -> Any:
    """The answer of GraphQL."""
    headers = {} if key is None else {"idempotency-key": key}
    return await world.post({"query": query, "variables": {"input": {"name": name}}}, who, **headers)


async def posted(world: World, name: str, key: str = "k1", who: Who = "user", path: str = V2) -> httpx.Response:
    return await call(world, "POST", path, who, {"name": name}, idempotency_key=key)


async def names(world: World) -> list[str]:
    return [row[0] for row in await world.owner.fetch("SELECT name FROM features ORDER BY created_at")]


async def kept(world: World) -> int:
    found: int = await world.owner.fetchval("SELECT count(*) FROM idempotency_keys")
    return found


def told(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """What a replay repeats: not the request's own id, nor what is told of rate limits."""
    own = ("ratelimit", "x-request-id", "idempotency-replayed", "x-ratelimit", "traceparent", "retry-after")
    return answer.status_code, answer.content, {k: v for k, v in answer.headers.items() if not k.startswith(own)}


@pytest.mark.parametrize("path", [V1, V2])
async def test_rest_replays_status_headers_and_body(world: World, path: str) -> None:
    first = await posted(world, "once", path=path)
    again = await posted(world, "once", '"k1"', path=path)
    assert (first.status_code, DONE in first.headers) == (201, False)
    assert again.headers[DONE] == "true"
    assert told(again) == told(first)
    assert first.headers["location"] == f"{path}/{first.json()['data']['id']}"
    assert (await names(world), await kept(world)) == (["once"], 1)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", f"{V2}/{{id}}", {"name": "new", "description": None, "metadata": {}}),
        ("PATCH", f"{V2}/{{id}}", {"name": "new"}),
        ("POST", f"{V2}/{{id}}/archive", None),
        ("DELETE", f"{V2}/{{id}}", None),
        ("PUT", f"{V1}/{{id}}", {"name": "new"}),
        ("DELETE", f"{V1}/{{id}}", None),
    ],
)
async def test_changes_are_replayed_though_their_version_is_gone(
    world: World, method: str, path: str, body: object
) -> None:
    feature = await made(world, "old")
    target = path.replace("{id}", feature["id"])
    headers = {"if_match": '"1"', "idempotency_key": "k1"}
    first = await call(world, method, target, "user", body, **headers)
    again = await call(world, method, target, "user", body, **headers)
    assert first.status_code == (204 if method == "DELETE" else 200), first.text
    assert (told(again), again.headers[DONE]) == (told(first), "true")
    assert await world.owner.fetchval("SELECT version FROM features") == 2


async def test_graphql_replays_the_body(world: World) -> None:
    first, again = await created(world, "once"), await created(world, "once", '"k1"')
    assert first.json()["data"]["createFeature"]["feature"]["name"] == "once"
    assert (told(again), again.headers[DONE], DONE in first.headers) == (told(first), "true", False)
    assert (await names(world), await kept(world)) == (["once"], 1)


async def test_payload_is_read_in_the_transaction_of_the_write(world: World) -> None:
    feature = await world.create("old")
    asked = {"query": RENAME, "variables": {"id": feature["id"], "name": "new"}}
    answers = [await world.post(asked, "user", **{"idempotency-key": "k1"}) for _ in range(2)]
    expected = {"name": "new", "version": 2, "owner": {"name": "user"}, "auditEntries": {"totalCount": 2}}
    assert [answer.json()["data"]["updateFeature"]["feature"] for answer in answers] == [expected, expected]
    assert world.wiring.database.pool.lent == 0


async def test_act_that_changes_nothing_is_kept_too(world: World) -> None:
    feature = await made(world, "active")
    path = f"{V2}/{feature['id']}"
    first = await call(world, "POST", f"{path}/activate", if_match="*", idempotency_key="k1")
    await call(world, "POST", f"{path}/deactivate", if_match="*")
    again = await call(world, "POST", f"{path}/activate", if_match="*", idempotency_key="k1")
    assert told(again) == told(first)
    assert await world.owner.fetchval("SELECT status FROM features") == "INACTIVE"


@pytest.mark.parametrize("other", ["body", "address", "version of the API", "condition"])
async def test_rest_refuses_the_key_with_another_request(world: World, other: str) -> None:
    feature = await made(world, "one")
    path = f"{V2}/{feature['id']}"
    done = await call(world, "PATCH", path, "user", {"name": "new"}, if_match="*", idempotency_key="k1")
    assert done.status_code == 200
    changed: dict[str, Any] = {
        "body": ("PATCH", path, {"name": "newer"}, "*"),
        "address": ("PUT", path, {"name": "new", "description": None, "metadata": {}}, "*"),
        "version of the API": ("PUT", f"{V1}/{feature['id']}", {"name": "new"}, "*"),
        "condition": ("PATCH", path, {"name": "new"}, '"2"'),
    }
    method, target, body, condition = changed[other]
    answer = await call(world, method, target, "user", body, if_match=condition, idempotency_key="k1")
    assert refusal(answer) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert [tuple(row) for row in await world.owner.fetch("SELECT name, version FROM features")] == [("new", 2)]


async def test_graphql_refuses_the_key_with_another_request(world: World) -> None:
    await created(world, "one")
    for answer in (
        await created(world, "two"),
        await created(world, "one", query=CREATE.replace("status", "")),
    ):
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert refusal(await posted(world, "one")) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert await names(world) == ["one"]


async def test_order_of_names_and_white_space_make_no_other_request(world: World) -> None:
    bodies = [b'{"name":"x","metadata":{"a":1,"b":2}}', b'{ "metadata": {"b":2, "a":1}, "name": "x" }']
    first, again = [await call(world, "POST", V2, "user", body, idempotency_key="k1") for body in bodies]
    assert told(again) == told(first)


async def test_same_key_of_another_user_is_another_key(world: World) -> None:
    answers = [await posted(world, "same", who=who) for who in ("user", "other")]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert [DONE in answer.headers for answer in answers] == [False, False]
    assert await names(world) == ["same", "same"]


async def test_key_of_a_token_with_other_scopes_is_another_key(world: World) -> None:
    create = """mutation($scopes: [TokenScope!]!) { createApiToken(input: {name: "t", scopes: $scopes,
      expiresAt: "EXPIRY"}) { secret userErrors { message } } }"""
    expiry = datetime.now(UTC).replace(year=datetime.now(UTC).year + 1, month=1, day=1).isoformat()
    answers = []
    for scopes in (["FEATURES_CREATE", "FEATURES_READ"], ["FEATURES_CREATE"]):
        data = await world.data(create.replace("EXPIRY", expiry), "user", scopes=scopes)
        headers = {"authorization": f"Bearer {data['createApiToken']['secret']}"}
        answers.append(await call(world, "POST", V2, "user", {"name": "x"}, idempotency_key="k1", **headers))
    assert [answer.status_code for answer in answers] == [201, 409]  # its own attempt, and the name is taken


@pytest.mark.parametrize("edge", ["rest", "graphql"])
async def test_hundred_at_once_make_one_feature(world: World, edge: str) -> None:
    ask = posted if edge == "rest" else created
    async with world_with(world, **PLENTY) as plenty:
        answers = await asyncio.gather(*(ask(plenty, "one") for _ in range(100)))
        after = await ask(plenty, "one")
    done = [answer for answer in answers if answer.status_code != 409]
    assert world.wiring.database.pool.lent == 0
    assert len({told(answer)[:2] for answer in done}) == 1
    assert sum(DONE not in answer.headers for answer in done) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert "IDEMPOTENCY_IN_PROGRESS" in answer.text
            assert answer.headers["retry-after"] == "1"
    assert (await names(world), await kept(world)) == (["one"], 1)
    assert (told(after)[:2], after.headers[DONE]) == (told(done[0])[:2], "true")


@pytest.mark.parametrize("edge", ["rest", "graphql"])
async def test_second_is_refused_at_once_while_the_first_runs(world: World, edge: str) -> None:
    """The first waits for a row of its owner's that another transaction holds."""
    ask = posted if edge == "rest" else created
    held = world.owner.transaction()
    await held.start()
    await world.owner.execute("UPDATE users SET active_features = active_features WHERE id = $1", world.users["user"])
    first = asyncio.create_task(ask(world, "one"))
    try:
        await eventually(lambda: seen(world, "idempotency.kept"))
        second = await ask(world, "one")
    finally:
        await held.rollback()
    assert (second.status_code, second.headers["retry-after"]) == (409, "1")
    assert "IDEMPOTENCY_IN_PROGRESS" in second.text
    done = await first
    assert told(await ask(world, "one")) == told(done)
    assert await names(world) == ["one"]


@pytest.mark.parametrize("edge", ["rest", "graphql"])
async def test_answer_that_has_run_out_is_not_given_again(world: World, edge: str) -> None:
    ask = posted if edge == "rest" else created
    await ask(world, "one")
    await world.owner.execute("UPDATE features SET name = 'renamed'")
    lived = await world.owner.fetchval("SELECT expires_at - created_at FROM idempotency_keys")
    assert lived.total_seconds() == 86_400
    await world.owner.execute(
        "UPDATE idempotency_keys SET created_at = created_at - interval '1 day', expires_at = created_at"
    )
    again = await ask(world, "one")
    assert DONE not in again.headers
    assert (await names(world), await kept(world)) == (["renamed", "one"], 1)
    assert (await ask(world, "one")).headers[DONE] == "true"


async def test_what_was_refused_is_not_kept_and_the_key_is_free(world: World) -> None:
    await made(world, "taken")
    before = await audited(world)
    assert refusal(await posted(world, "taken")) == (409, "DUPLICATE_NAME")
    assert refusal(await posted(world, "")) == (400, "VALIDATION_ERROR")
    for name, code in (("taken", "DUPLICATE_NAME"), ("", "VALIDATION_ERROR")):
        answer = (await created(world, name)).json()
        assert answer["data"]["createFeature"]["userErrors"][0]["code"] == code
    hidden = await created(world, "taken", query=CREATE.replace("userErrors { __typename code message path }", ""))
    assert hidden.json() == {"data": {"createFeature": {"feature": None}}}
    assert (await kept(world), await audited(world)) == (0, before)
    assert (await posted(world, "free")).status_code == 201
    assert (await kept(world), world.wiring.database.pool.lent) == (1, 0)


async def seen(world: World, statement: str) -> bool:
    return statement in world.statements


async def audited(world: World) -> int:
    found: int = await world.owner.fetchval("SELECT count(*) FROM audit_entries")
    return found


@pytest.mark.parametrize("edge", ["rest", "graphql"])
async def test_answer_that_cannot_be_kept_undoes_the_write(world: World, edge: str) -> None:
    ask = posted if edge == "rest" else created
    await world.owner.execute("REVOKE INSERT ON idempotency_keys FROM feature_api_app, feature_api_guarded")
    answer = await ask(world, "one")
    assert answer.status_code == 500
    assert (await names(world), await kept(world), await audited(world)) == ([], 0, 0)
    assert await world.owner.fetchval("SELECT sum(active_features) FROM users") == 0
    await world.owner.execute("GRANT INSERT ON idempotency_keys TO feature_api_app")
    assert (await ask(world, "one")).status_code in (200, 201)
    assert world.wiring.database.pool.lent == 0


@pytest.mark.usefixtures("no_wall")
@pytest.mark.parametrize("edge", ["rest", "graphql"])
async def test_database_that_goes_away_before_the_commit_keeps_nothing(world: World, edge: str) -> None:
    ask = posted if edge == "rest" else created
    observe = world.wiring.database.observe
    killed = asyncio.Event()

    def watch(statement: Statement, seconds: float, error: type[BaseException] | None) -> None:
        observe(statement, seconds, error)
        if statement.name == "feature.insert" and not killed.is_set():
            killed.set()
            for held in list(world.wiring.database.pool._lent):
                held.connection.terminate()

    world.wiring.database.observe = watch
    answer = await ask(world, "one")
    assert (answer.status_code, answer.headers["retry-after"], killed.is_set()) == (503, "1", True)
    assert (await names(world), await kept(world)) == ([], 0)
    assert (await ask(world, "one")).status_code in (200, 201)
    assert world.wiring.database.pool.lent == 0


async def test_failure_below_a_write_that_stands_is_kept_with_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*given: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("app.domain.audit.service.AuditService.pages_of_features", fails)
    feature = await world.create("old")
    asked = {"query": RENAME, "variables": {"id": feature["id"], "name": "new"}}
    first = await world.post(asked, "user", **{"idempotency-key": "k1"})
    again = await world.post(asked, "user", **{"idempotency-key": "k1"})
    assert first.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert (first.content, again.headers[DONE]) == (again.content, "true")
    assert await names(world) == ["new"]


async def test_statement_that_fails_below_a_write_undoes_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the answer would tell of a feature that is not there."""

    async def fails(service: Any, *given: object) -> None:
        await service._entries._database.fetch(Statement("test.fails", select(literal_column("1 / 0"))))

    monkeypatch.setattr("app.domain.audit.service.AuditService.pages_of_features", fails)
    feature = await world.create("old")
    asked = {"query": RENAME, "variables": {"id": feature["id"], "name": "new"}}
    answer = await world.post(asked, "user", **{"idempotency-key": "k1"})
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (503, "UNAVAILABLE")
    assert (await names(world), await kept(world)) == (["old"], 0)


@pytest.mark.parametrize("key", ["", '""', '"open', "\u00e9", "a b", "x" * 256, f'"{"x" * 256}"'])
async def test_what_is_no_key_is_refused(world: World, key: str) -> None:
    header = key.encode("latin-1")
    token = f"Bearer {world.token('user')}"
    sent: Any = [("authorization", token), ("content-type", "application/json"), ("idempotency-key", header)]
    answer = await world.client.post(V2, content=b'{"name":"x"}', headers=sent)
    assert refusal(answer) == (400, "VALIDATION_ERROR")
    assert [detail["field"] for detail in answer.json()["errors"]] == ["Idempotency-Key"]
    body = b'{"query":"mutation { createFeature(input: {name: \\"x\\"}) { clientMutationId } }"}'
    answer = await world.client.post("/graphql", content=body, headers=sent)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "argumentPath": ["Idempotency-Key"]}
    assert await names(world) == []


@pytest.mark.parametrize("key", ["x" * 255, "!~", '"a\\"\\\\b"'])
async def test_longest_and_strangest_keys_are_taken(world: World, key: str) -> None:
    assert (await posted(world, "x", key)).status_code == 201
    assert (await posted(world, "x", key)).headers[DONE] == "true"


@pytest.mark.parametrize(
    "query",
    [
        'mutation { a: createFeature(input: {name: "a"}) { clientMutationId } b: createFeature(input: {name: "b"}) '
        "{ clientMutationId } }",
        'mutation { ...F ... on Mutation { b: createFeature(input: {name: "b"}) { clientMutationId } } } '
        'fragment F on Mutation { a: createFeature(input: {name: "a"}) { clientMutationId } }',
        "mutation { __typename }",
    ],
)
async def test_key_is_for_one_mutation(world: World, query: str) -> None:
    answer = await world.post({"query": query}, "user", **{"idempotency-key": "k1"})
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
    assert await names(world) == []


async def test_key_is_for_no_list_of_operations(world: World) -> None:
    query = 'mutation { createFeature(input: {name: "a"}) { clientMutationId } }'
    async with world_with(world, max_batch=2) as batching:
        answer = await batching.post([{"query": query}], "user", **{"idempotency-key": "k1"})
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
    assert await names(world) == []


async def test_secret_is_never_kept(world: World) -> None:
    query = """mutation { createApiToken(input: {name: "t", scopes: [FEATURES_READ], expiresAt: "2027-01-01T00:00:00Z"})
      { secret } }"""
    answer = await world.post({"query": query}, "user", **{"idempotency-key": "k1"})
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
    assert await world.owner.fetchval("SELECT count(*) FROM api_tokens") == 0


async def test_reads_and_guests_pay_no_heed_to_a_key(world: World) -> None:
    key = {"idempotency-key": "k1"}
    await made(world, "one")
    world.statements.clear()
    for _ in range(2):
        answer = await world.post({"query": "{ viewer { name } }"}, "user", **key)
        assert (answer.json(), DONE in answer.headers) == ({"data": {"viewer": {"name": "user"}}}, False)
        assert (await call(world, "GET", V2, idempotency_key="k1")).status_code == 200
    assert refusal(await posted(world, "x", who="guest")) == (401, "UNAUTHENTICATED")
    assert (await created(world, "x", who="guest")).json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert [name for name in world.statements if name.startswith("idempotency")] == []


async def test_write_without_a_key_is_one_statement_as_ever(world: World) -> None:
    await created(world, "one", None)
    world.statements.clear()
    await created(world, "two", None)
    assert world.statements == ["feature.insert"]


async def test_keyed_write_costs_four_statements_and_one_when_replayed(world: World) -> None:
    await created(world, "one", "k0")
    world.statements.clear()
    await created(world, "two")
    assert Counter(world.statements) == Counter(
        ["idempotency.lock", "idempotency.kept", "feature.insert", "idempotency.keep"]
    )
    world.statements.clear()
    await created(world, "two")
    assert Counter(world.statements) == Counter(["idempotency.lock", "idempotency.kept"])


async def test_purge_deletes_what_has_run_out(world: World) -> None:
    for number in range(5):
        await posted(world, f"f{number}", f"k{number}")
    await world.owner.execute(
        "UPDATE idempotency_keys SET created_at = created_at - interval '1 day', expires_at = created_at"
        " WHERE key_hash IN (SELECT key_hash FROM idempotency_keys LIMIT 3)"
    )
    purge = world.wiring.kept_answers.purge
    now = datetime.now(UTC)
    assert [await purge(now, 2) for _ in range(3)] == [2, 1, 0]
    assert await kept(world) == 2


async def test_neither_key_nor_payload_is_in_the_table_but_as_hash(world: World) -> None:
    await posted(world, "one", "alice@example.com")
    [row] = await world.owner.fetch("SELECT * FROM idempotency_keys")
    assert b"alice" not in repr(row).encode()
    assert (row["actor_id"], len(row["key_hash"]), len(row["fingerprint"])) == (world.users["user"], 32, 32)


async def test_keyed_request_stays_behind_the_wall_of_rows(world: World) -> None:
    await made(world, "mine")
    await made(world, "not mine", "other")
    everything = Statement("test.everything", select(features.c.name))
    async with world_with(world, database_row_security="on") as walled:
        wiring, actor = walled.wiring, Actor(world.users["user"], "USER")
        async with wiring.kept_answers.attempt(keyed_request(actor, "k0", [])) as attempt:
            stores = wiring._stores_of(actor, attempt.database)
            seen = await stores.features._database.fetch(everything)
            assert [row[0] for row in seen] == ["mine"]
            assert len(await attempt.database.fetch(everything)) == 2
        for ask in (posted, created):
            first, again = [await ask(walled, ask.__name__, ask.__name__) for _ in range(2)]
            assert (again.content, again.headers[DONE]) == (first.content, "true")
        refused = (await created(walled, "mine")).json()["data"]["createFeature"]["userErrors"]
        assert [error["code"] for error in refused] == ["DUPLICATE_NAME"]
        assert {name: pool.lent for name, pool in wiring.row_security.pools().items()} == {"app": 0, "guarded": 0}
    assert await names(world) == ["mine", "not mine", "posted", "created"]


async def test_what_was_undone_gives_its_connection_back_and_uses_it_no_more(world: World) -> None:
    pool = world.wiring.database.pool
    request = keyed_request(Actor(world.users["user"], "USER"), "k", [])
    async with world.wiring.kept_answers.attempt(request) as attempt:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await attempt.database.fetch(Statement("test.fails", select(literal_column("1 / 0"))))
        assert pool.lent == 0
        held = await pool.take()
        [[process]] = await attempt.database.fetch(Statement("test.process", select(func.pg_backend_pid())))
        assert process != held.connection.get_server_pid()
        pool.give(held)
        with pytest.raises(Unavailable):
            await attempt.keep(KeptAnswer(200, {}, b""))
    assert await kept(world) == 0
